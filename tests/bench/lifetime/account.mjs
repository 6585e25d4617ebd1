// What many clients lived through, counted.

/** Without an end of its own, whoever waits for what was lost waits for ever. */
const PATIENCE = 20_000;
/** Times are counted in classes, each so many times as long as the one before. */
const CLASS = Math.log(1.02);

export class Account {
  constructor() {
    this.closes = {};
    this.attempts = {};
    this.reasons = {};
    this.refusals = {};
    this.gaps = [];
    this.told = {};
    /** Messages of which the server said that they are not published, and clients that it told of a gap. */
    this.failures = new Set();
    this.warned = new Set();
    this.latency = {};
    this.returns = [];
    this.away = new Map();
    this.listeners = new Map();
    this.rooms = new Map();
    /** When each message was published first. */
    this.times = new Map();
    /** When each client was away, from and to. */
    this.spans = new Map();
    this.counts = { published: 0, confirmed: 0, heard: 0, lost: 0, duplicated: 0, disordered: 0, recovered: 0, joined: 0, errors: 0, unannounced: 0 };
  }

  start() {
    this.began = performance.now();
  }

  end() {
    this.ended = performance.now();
  }

  /** One that was never open is an attempt that failed. */
  closed({ code, wasOpen }) {
    if (!this.ended) count(wasOpen ? this.closes : this.attempts, code);
  }

  refused({ status }) {
    count(this.refusals, status);
  }

  left(name, reason) {
    if (this.ended) return;
    count(this.reasons, reason);
    this.away.set(name, performance.now());
  }

  came(name, isRecovered) {
    const since = this.away.get(name);
    if (since === undefined) return;
    this.away.delete(name);
    const now = performance.now();
    this.gaps.push(now - since);
    if (!this.spans.has(name)) this.spans.set(name, []);
    this.spans.get(name).push([since, now]);
    this.counts[isRecovered ? 'recovered' : 'joined'] += 1;
    const second = Math.floor((now - this.began) / 1000);
    this.returns[second] = (this.returns[second] ?? 0) + 1;
  }

  gap(name, reason) {
    count(this.told, reason);
    this.warned.add(name);
  }

  failed({ from, number }) {
    this.counts.errors += 1;
    this.failures.add(`${from} ${number}`);
  }

  joins(room, name) {
    this.room(room).members.add(name);
  }

  publishes(room, message) {
    this.counts.published += 1;
    const { sent } = this.room(room);
    sent.set(message.from, message.number);
    this.last = performance.now();
    this.times.set(`${message.from} ${message.number}`, this.last);
  }

  confirmed() {
    this.counts.confirmed += 1;
  }

  /** Each publisher's messages are expected in their order, each once. */
  heard(name, { from, number }) {
    this.counts.heard += 1;
    if (!this.listeners.has(name)) this.listeners.set(name, new Map());
    const listener = this.listeners.get(name);
    if (!listener.has(from)) listener.set(from, { highest: 0, seen: new Set() });
    const heard = listener.get(from);
    if (heard.seen.has(number)) {
      this.counts.duplicated += 1;
      return;
    }
    heard.seen.add(number);
    if (number < heard.highest) this.counts.disordered += 1;
    heard.highest = Math.max(heard.highest, number);
    const took = performance.now() - this.times.get(`${from} ${number}`);
    count(this.latency, Math.round(Math.log(took) / CLASS));
  }

  /** Whether a client has heard all that was published to its room, or has waited long enough for it. */
  isComplete(name, room) {
    return this.missing(name, room) === 0 || performance.now() - this.last > PATIENCE;
  }

  missing(name, room) {
    let missing = 0;
    for (const [from, number] of this.room(room).sent) missing += number - (this.listeners.get(name)?.get(from)?.seen.size ?? 0);
    return missing;
  }

  /** The first few that nobody will hear any more, with what is known of them. */
  examples() {
    const examples = [];
    for (const [room, { members, sent }] of this.rooms) {
      for (const name of members) {
        if (this.missing(name, room) === 0) continue;
        for (const [from, highest] of sent) {
          const seen = this.listeners.get(name)?.get(from)?.seen ?? new Set();
          for (let number = 1; number <= highest; number += 1) {
            if (seen.has(number)) continue;
            const at = this.times.get(`${from} ${number}`);
            const near = (spans) => (spans ?? []).filter(([begin, end]) => Math.abs(begin - at) < 3000 || Math.abs(end - at) < 3000);
            const relative = (spans) => near(spans).map((span) => span.map((moment) => Math.round(moment - at)));
            examples.push({ name, from, number, listener_away: relative(this.spans.get(name)), publisher_away: relative(this.spans.get(from)) });
            if (examples.length === 10) return examples;
          }
        }
      }
    }
    return examples;
  }

  /** Lost, though nobody was told. */
  unannounced(name, room) {
    if (this.warned.has(name)) return 0;
    let silent = 0;
    for (const [from, highest] of this.room(room).sent) {
      const seen = this.listeners.get(name)?.get(from)?.seen ?? new Set();
      for (let number = 1; number <= highest; number += 1) silent += !seen.has(number) && !this.failures.has(`${from} ${number}`);
    }
    return silent;
  }

  second() {
    const { closes, counts } = this;
    return { closes, away: this.away.size, ...counts };
  }

  summary() {
    for (const [room, { members }] of this.rooms) {
      for (const name of members) {
        this.counts.lost += this.missing(name, room);
        this.counts.unannounced += this.unannounced(name, room);
      }
    }
    const seconds = Math.floor((this.ended - this.began) / 1000);
    const returns = Array.from({ length: seconds }, (_, second) => this.returns[second] ?? 0);
    const gaps = this.gaps.sort((a, b) => a - b).map(Math.round);
    const at = (part) => gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * part))] ?? 0;
    const { closes, attempts, reasons, refusals, told, latency, counts } = this;
    const unconfirmed = counts.published - counts.confirmed - counts.errors;
    return { seconds, closes, attempts, reasons, refusals, told, latency, returns, gaps: { p50: at(0.5), p99: at(0.99), max: at(1) }, away: gaps, ...counts, unconfirmed, examples: this.examples() };
  }

  room(name) {
    if (!this.rooms.has(name)) this.rooms.set(name, { members: new Set(), sent: new Map() });
    return this.rooms.get(name);
  }
}

function count(counts, key) {
  counts[key] = (counts[key] ?? 0) + 1;
}
