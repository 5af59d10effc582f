# The consumer groups of the Python Papyra: python.py URL VERB ARGUMENT... Prints JSON.
import asyncio, json, sys

from papyra.address import ActorAddress
from papyra.persistence.backends.redis import RedisConsumerGroupConfig, RedisStreamsConfig, RedisStreamsPersistence
from papyra.persistence.models import PersistedEvent

OF = {"kind": "events", "group": "workers"}


def shown(entries):
    return [[entry.id, entry.data["event_type"]] for entry in entries]


async def main(url, verb, *arguments):
    log = RedisStreamsPersistence(RedisStreamsConfig(url=url))
    if verb == "fill":
        for n in range(int(arguments[0]), int(arguments[1])):
            worker = ActorAddress(system="local", actor_id=n)
            await log.record_event(PersistedEvent("local", worker, f"E{n}", {"n": n}, 1700000000.5 + n))
    elif verb == "read":
        config = RedisConsumerGroupConfig(group="workers", consumer="python", count=int(arguments[1]), block_ms=10)
        return shown(await log.consume(kind="events", cfg=config, read_id=arguments[0]))
    elif verb == "claim":
        return shown(await log.claim(**OF, consumer="python", min_idle_ms=0, entry_ids=list(arguments)))
    elif verb == "ack":
        return await log.ack(**OF, ids=arguments)
    elif verb == "pending":
        return (await log.pending_summary(**OF))["raw"]["pending"]


print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
