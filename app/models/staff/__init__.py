"""What staff do: alerts, worklists, teams."""
