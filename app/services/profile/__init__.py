"""Who the patient is: record, measurements, tags, snapshot."""
