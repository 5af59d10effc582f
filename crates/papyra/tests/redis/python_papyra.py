import json, sys, anyio
from papyra.persistence.backends.redis import RedisConsumerGroupConfig, RedisStreamsConfig, RedisStreamsPersistence
from papyra.persistence.models import PersistedAudit, PersistedDeadLetter, PersistedEvent

verb, url = sys.argv[1:]


async def main():
    log = RedisStreamsPersistence(RedisStreamsConfig(url=url))
    out = {}
    if verb == "show":
        scan = await log.scan()
        out["anomalies"] = [str(anomaly) for anomaly in scan.anomalies]
        out["events"] = [str(fact) for fact in await log.list_events()]
        out["audits"] = [str(fact) for fact in await log.list_audits()]
        out["dead_letters"] = [str(fact) for fact in await log.list_dead_letters()]
    elif verb == "write":
        await log.record_event(PersistedEvent("local", "local://1", "Hello", {"n": 1}, 1763620000.5))
        await anyio.sleep(0.005)
        await log.record_audit(PersistedAudit("local", 1763620001.0, 1, 1, 0, 0, 0, (), (), 0))
        await anyio.sleep(0.005)
        await log.record_dead_letter(PersistedDeadLetter("local", "local://2", "str", "x", 1763620002.0))
    elif verb == "consume":
        config = RedisConsumerGroupConfig(group="workers", consumer="w1", count=100, block_ms=10)
        entries = await log.consume(kind="events", cfg=config)
        out["events"] = len(entries)
        out["acked"] = await log.ack(kind="events", group="workers", ids=[entry.id for entry in entries])
    await log.aclose()
    print(json.dumps(out))


anyio.run(main)
