"""What is said to people: messages, rights to send, receipts."""
