"""The limit of `benchmarks.api`: Flask, one indexed SELECT, JSON; no session, no audit."""

import os

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import create_engine, text

engine = create_engine(os.environ["CARELOOP_DATABASE_URL"])
app = Flask(__name__)

# The rows of the audited read, by the index that it uses.
_READINGS = text(
    "SELECT public_id, code, value, unit, interpretation, effective_at FROM observation"
    " WHERE patient_id = :patient AND code = :code ORDER BY effective_at DESC LIMIT 50"
)


@app.get("/patients/<int:patient>/observations")
def observations(patient: int) -> ResponseReturnValue:
    with engine.connect() as connection:
        rows = connection.execute(_READINGS, {"patient": patient, "code": "15074-8"})
        found = [
            {
                "id": row.public_id,
                "code": row.code,
                "value": float(row.value),
                "unit": row.unit,
                "interpretation": row.interpretation,
                "effective_at": row.effective_at.isoformat(),
            }
            for row in rows
        ]
    return jsonify(observations=found)
