"""What is measured at home: typed on a phone, or told by a device and its maker's cloud."""

from app.services.profile.home_monitoring.keeping import Provenance
from app.services.profile.home_monitoring.measuring import Recorded, record_measurement

__all__ = ["Provenance", "Recorded", "record_measurement"]
