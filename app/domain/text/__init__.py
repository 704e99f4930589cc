"""Reading what people write: symptoms with their polarity, adherence, mood, flags."""
