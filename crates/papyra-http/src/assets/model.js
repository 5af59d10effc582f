// What happened, summed up: first as the service tells it, then with each new fact.

const MOST_STEPS = 2000;
const MOST_NAMES = 5000;
const OTHERS = "(others)";

export class Model {
  constructor(activity, since) {
    this.since = since;
    this.step = activity.step;
    this.facts = activity.facts;
    this.steps = new Map(activity.steps.map((step) => [step.at, step]));
    this.audits = activity.audits;
    this.actors = new Map(activity.actors.map((it) => [it.actor, it]));
    this.otherActors = activity.other_actors;
    this.targets = counted(activity.targets);
    this.types = counted(activity.message_types);
    this.reasons = counted(activity.reasons);
    /** Rises with all that may be part of a storm. */
    this.troubles = 0;
    this.oldest = activity.oldest;
    this.newest = activity.newest;
  }

  take(fact) {
    const at = fact.timestamp;
    if (this.since !== null && at < this.since) return;
    this.facts += 1;
    this.oldest = Math.min(this.oldest ?? at, at);
    this.newest = Math.max(this.newest ?? at, at);
    if (fact.kind === "event") this.event(at, fact);
    else if (fact.kind === "audit") this.audit(at, fact);
    else if (fact.kind === "dead_letter") this.letter(at, fact);
  }

  event(at, fact) {
    const step = this.stepOf(at);
    switch (fact.event_type) {
      case "ActorStarted": step.starts += 1; break;
      case "ActorStopped": step.stops += 1; break;
      // An actor that does not come as far as taking messages has crashed, too.
      case "ActorStartFailed":
      case "ActorCrashed": step.crashes += 1; this.trouble(at, fact, "crashes"); break;
      case "ActorRestarted": step.restarts += 1; this.trouble(at, fact, "restarts"); break;
      default: step.other_events += 1;
    }
  }

  trouble(at, fact, what) {
    this.troubles += 1;
    const actor = address(fact.actor_address);
    let it = this.actors.get(actor);
    if (!it) {
      if (this.actors.size >= MOST_NAMES) {
        this.otherActors += 1;
        return;
      }
      it = { actor, crashes: 0, restarts: 0, last: at, reason: null, most_in_a_minute: 0 };
      this.actors.set(actor, it);
    }
    it[what] += 1;
    it.last = Math.max(it.last, at);
    const minute = Math.floor(at / 60);
    it.inMinute = it.minute === minute ? it.inMinute + 1 : 1;
    it.minute = minute;
    it.most_in_a_minute = Math.max(it.most_in_a_minute, it.inMinute);
    if (what === "crashes") it.reason = why(fact.payload) ?? it.reason;
  }

  audit(at, fact) {
    const { system_id: system, total_actors: total, alive_actors: alive, stopping_actors: stopping, restarting_actors: restarting } = fact;
    this.audits.push({ at, system, total, alive, stopping, restarting });
    if (this.audits.length > MOST_STEPS * 2) this.audits.splice(0, MOST_STEPS);
  }

  letter(at, fact) {
    const count = fact.count ?? 1;
    this.troubles += 1;
    this.stepOf(at).dead_letters += count;
    add(this.targets, address(fact.target), count);
    add(this.types, fact.message_type, count);
    add(this.reasons, fact.why ?? "?", count);
  }

  stepOf(at) {
    const key = Math.floor(at / this.step) * this.step;
    let step = this.steps.get(key);
    if (!step) {
      step = { at: key, starts: 0, crashes: 0, restarts: 0, stops: 0, other_events: 0, dead_letters: 0 };
      this.steps.set(key, step);
      if (this.steps.size > MOST_STEPS) this.steps.delete(Math.min(...this.steps.keys()));
    }
    return step;
  }

  /** The steps in their order. */
  get points() {
    return [...this.steps.values()].sort((a, b) => a.at - b.at);
  }

  /** How many actors there were at each audit, of all systems together: of each the newest figure counts. */
  get headcounts() {
    const newest = new Map();
    const sum = (name) => {
      const known = [...newest.values()].map((audit) => audit[name]).filter((count) => count !== null && count !== undefined);
      return known.length ? known.reduce((a, b) => a + b, 0) : null;
    };
    return [...this.audits].sort((a, b) => a.at - b.at).map((audit) => {
      newest.set(audit.system, audit);
      return { at: audit.at, alive: sum("alive"), restarting: sum("restarting"), stopping: sum("stopping") };
    });
  }

  get troubled() {
    return [...this.actors.values()].sort((a, b) => b.crashes + b.restarts - (a.crashes + a.restarts)).slice(0, 20);
  }
}

/** An address as the command line writes it. The Python Papyra wrote several forms. */
export function address(stored) {
  if (stored === null || stored === undefined) return "-";
  if (typeof stored !== "string") return stored.system && stored.id !== undefined ? `${stored.system}://${stored.id}` : JSON.stringify(stored);
  const short = /^([^:]+):(\d+)$/.exec(stored);
  return short ? `${short[1]}://${short[2]}` : stored;
}

/** Why something happened, as its payload tells: the member `error`, else `reason`. */
function why(payload) {
  const told = payload?.error ?? payload?.reason ?? null;
  return told === null ? null : (typeof told === "string" ? told : JSON.stringify(told)).slice(0, 200);
}

function counted(list) {
  return new Map(list.map(({ name, count }) => [name, count]));
}

function add(map, name, count) {
  const key = map.has(name) || map.size < MOST_NAMES ? name : OTHERS;
  map.set(key, (map.get(key) ?? 0) + count);
}

/** The most frequent names, the others last. */
export function ranked(map, most = 10) {
  const all = [...map].sort((a, b) => (a[0] === OTHERS) - (b[0] === OTHERS) || b[1] - a[1]);
  const told = all.slice(0, most);
  const rest = all.slice(most).reduce((sum, [, count]) => sum + count, 0);
  if (rest) told.push([OTHERS, rest]);
  return told;
}
