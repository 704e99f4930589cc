"""What every process does first: settings, logs, keys, clock, database."""

from sqlalchemy import Engine

from app import clock, encryption, logs
from app.database import make_engine, unit_of_work
from app.settings import Settings


def start(process: str, settings: Settings, *, pool_size: int = 10) -> Engine:
    """Make this process ready to work with the hospital's database and return its engine."""
    logs.configure(process)
    encryption.use(encryption.Keyring(settings.keys, settings.tenant, settings.cipher))
    clock.follow(settings.demo_clock if settings.demo else None)
    engine = make_engine(settings.database_url, pool_size=pool_size)
    unit_of_work.configure(bind=engine)
    return engine
