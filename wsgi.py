"""The web process: settings, engine, faces, one Flask application. It wires, it decides nothing."""

from app import settings
from app.start import start
from app.web.factory import create_app

_settings = settings.load()
start("web", _settings)
app = create_app(_settings, faces=[])
