import { randomUUID } from 'node:crypto';
import { connect } from '../../../clients/js/index.js';

/** What a server remembers of an earlier run is not of this one. */
const RUN = randomUUID().slice(0, 8);

/** One client. What it publishes is numbered and has an id, and is sent again when its acknowledgement did not come: the server knows it by then, or not. */
export class Member {
  constructor(io, { url, prefix, index, room, path, transports, origin, host, options, client }, account) {
    this.account = account;
    this.name = `${prefix}-${index}`;
    this.room = `${prefix}-${Math.floor(index / Number(room))}`;
    this.open = new Map();
    this.number = 0;
    const extraHeaders = { ...(origin && { Origin: origin }), ...(host && { Host: host }) };
    const own = { path, transports: transports.split(','), extraHeaders, forceNew: true, ...JSON.parse(options) };
    this.joined = new Promise((joined) => {
      if (client === '4') {
        this.socket = io(url, own);
        this.socket.on('connect', () => this.connected(this.socket.recovered, joined));
      } else {
        // The versions without a recovery of their own.
        this.socket = connect(io, url, own, { onSession: ({ recovered }) => this.connected(recovered, joined) });
      }
    });
    this.socket.on('disconnect', (reason) => account.left(this.name, reason));
    this.socket.on('message', ({ data }) => account.heard(this.name, data));
    this.socket.on('realtime:gap', ({ reason }) => account.gap(this.name, reason));
  }

  connected(isRecovered, joined) {
    this.account.came(this.name, isRecovered);
    const open = [...this.open.values()];
    // Who was cut off before the answer came may be in the room or not.
    if (isRecovered && this.isIn) return open.forEach((message) => this.send(message));
    this.socket.emit('join', { room: this.room }, () => {
      this.isIn = true;
      this.account.joins(this.room, this.name);
      joined();
      open.forEach((message) => this.send(message));
    });
  }

  publish(every) {
    const start = setTimeout(() => {
      this.timer = setInterval(() => this.next(), every);
    }, Math.random() * every);
    this.timer = start;
  }

  next() {
    const message = { from: this.name, number: ++this.number };
    this.open.set(message.number, message);
    this.account.publishes(this.room, message);
    if (this.socket.connected) this.send(message);
  }

  send(message) {
    const id = `${RUN}-${this.name}-${message.number}`;
    this.socket.emit('publish', { room: this.room, data: message, id }, (answer) => {
      this.open.delete(message.number);
      if (answer?.error) return this.account.failed(message);
      this.account.confirmed(this.room, message);
    });
  }

  stop() {
    clearTimeout(this.timer);
    clearInterval(this.timer);
  }

  async settled() {
    while (this.open.size > 0 || !this.account.isComplete(this.name, this.room)) {
      await new Promise((later) => setTimeout(later, 100));
    }
  }

  close() {
    this.stop();
    this.socket.close();
  }
}
