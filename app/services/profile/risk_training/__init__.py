"""Training a local model of risk: fit, calibrate, judge, keep; use it only when it is worth it."""

from app.services.profile.risk_training.fitting import NotEnough, Trained, train
from app.services.profile.risk_training.keeping import (
    ActivationRefused,
    NoSuchModel,
    activate,
    end_assessments,
    find_model,
    keep,
    list_models,
    model_name,
    retire,
)
from app.services.profile.risk_training.past import read_past, training_set_of

__all__ = [
    "ActivationRefused",
    "NoSuchModel",
    "NotEnough",
    "Trained",
    "activate",
    "end_assessments",
    "find_model",
    "keep",
    "list_models",
    "model_name",
    "read_past",
    "retire",
    "train",
    "training_set_of",
]
