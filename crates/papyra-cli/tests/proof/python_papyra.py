# The Python Papyra at work on a log: python_papyra.py VERB PATH. Prints JSON.
import asyncio, dataclasses, json, sys

from papyra.address import ActorAddress
from papyra.persistence.json import JsonFilePersistence
from papyra.persistence.backends.rotating import RotatingFilePersistence
from papyra.persistence.models import PersistedAudit, PersistedDeadLetter, PersistedEvent


async def fill(log, first):
    worker = ActorAddress(system="local", actor_id=first)
    payload = {"error": "b\u00f6se \U0001f4a5", "n": first}
    await log.record_event(PersistedEvent("local", worker, f"E{first}", payload, 1700000000.5 + first))
    await log.record_audit(PersistedAudit("local", 1700000001.0 + first, 3, 2, 0, 1, 2, ("lost",), (), 4))
    await log.record_dead_letter(PersistedDeadLetter("local", worker, "Place", {"id": first}, 1700000002.0 + first))
    await log.record_dead_letter(PersistedDeadLetter("local", None, "Place", None, 1700000003.0 + first))


async def show(log):
    facts = await log.list_events(), await log.list_audits(), await log.list_dead_letters()
    scanned = await log.scan()
    return {
        "events": [fact.event_type for fact in facts[0]],
        "audits": [fact.total_actors for fact in facts[1]],
        "dead_letters": [fact.message_type for fact in facts[2]],
        "times": [fact.timestamp for kind in facts for fact in kind],
        "anomalies": [str(anomaly) for anomaly in scanned.anomalies],
    }


async def main(verb, path):
    if verb == "rotate":
        log = RotatingFilePersistence(path, max_bytes=1500, max_files=100)
        for n in range(5):
            await fill(log, 10 * n)
        return {"files": [str(path) for path in log._iter_read_paths_oldest_first()]}
    log = JsonFilePersistence(path)
    if verb.startswith("fill"):
        await fill(log, int(verb[4:]))
    return await show(log)


print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
