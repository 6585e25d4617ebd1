/** One client. What it publishes is numbered and has an id, and is sent again when its acknowledgement did not come: the server knows it by then, or not. */
export class Member {
  constructor(io, { url, prefix, index, room, path, transports, origin, host, options }, account) {
    this.account = account;
    this.name = `${prefix}-${index}`;
    this.room = `${prefix}-${Math.floor(index / Number(room))}`;
    this.open = new Map();
    this.number = 0;
    const extraHeaders = { ...(origin && { Origin: origin }), ...(host && { Host: host }) };
    const own = { path, transports: transports.split(','), extraHeaders, forceNew: true };
    this.socket = io(url, { ...own, ...JSON.parse(options) });
    this.joined = new Promise((joined) => this.socket.on('connect', () => this.connected(joined)));
    this.socket.on('disconnect', (reason) => account.left(this.name, reason));
    this.socket.on('message', ({ data }) => account.heard(this.name, data));
    this.socket.on('realtime:gap', ({ reason }) => account.gap(reason));
  }

  connected(joined) {
    this.account.came(this.name, this.socket.recovered);
    const open = [...this.open.values()];
    if (this.socket.recovered) return open.forEach((message) => this.send(message));
    this.socket.emit('join', { room: this.room }, () => {
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
    const id = `${this.name}-${message.number}`;
    this.socket.emit('publish', { room: this.room, data: message, id }, (answer) => {
      if (answer?.error) return this.account.failed(answer.error);
      this.open.delete(message.number);
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
