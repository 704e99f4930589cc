"""Following the events: whoever an event names is read again as a whole.

Nothing is concluded from what an event says; it only tells of whom the database is to be asked.
So events may come twice, late, or in another order.
"""

from collections import defaultdict

from pyroaring import BitMap
from sqlalchemy.orm import Session

from app.models.profile.patient import Patient
from app.models.profile.tag_tree import tag_tree
from app.models.segments.index.attributes import BASE, SOURCES, Attribute, Value
from app.models.segments.index.bitmaps import News, Reading, SegmentIndex
from app.models.segments.index.events import MOST_AT_ONCE, in_parts, read_events


def refresh(session: Session, index: SegmentIndex) -> int:
    """Bring the index up to what is committed; return how many patients were read again.

    Its lock is held only while the news are taken over, not while the database is asked.

    :raises PatientIdTooLarge: an id is past 32 bits
    """
    done = 0
    while True:
        reading, patients, events = read_events(session, index.reading)
        index.apply(read_again(session, patients, reading))
        done += len(patients)
        if events < MOST_AT_ONCE:
            return done


def read_again(session: Session, patients: BitMap, reading: Reading) -> News:
    """Return all that is indexed of some patients as the database has it now."""
    base, born = BitMap(), dict[int, int]()
    sets: defaultdict[Attribute, defaultdict[Value, BitMap]] = defaultdict(
        lambda: defaultdict(BitMap)
    )
    for part in in_parts(patients):
        counted = set(session.scalars(BASE.where(Patient.id.in_(part))))
        base.update(counted)
        for source in SOURCES:
            for patient, *parts in session.execute(source.of(part)):
                if patient not in counted:
                    continue
                value = source.value(parts)
                if source.attribute is Attribute.BIRTH:
                    born[patient] = int(value[0])
                else:
                    sets[source.attribute][value].add(patient)
    return News(reading, tag_tree(session), patients, base, {**sets}, born)
