// The ways in which a server can end a connection, each as bytes on the wire.

/** WebSocket: `socket` is a `ws` socket of the server, `tcp` the connection under it. */
export const WEBSOCKET = {
  'close frame 1000': ({ socket }) => socket.close(1000, 'moved'),
  'close frame 1001': ({ socket }) => socket.close(1001, 'moved'),
  'close frame 1008': ({ socket }) => socket.close(1008, 'moved'),
  'close frame 1011': ({ socket }) => socket.close(1011, 'moved'),
  'close frame 1012': ({ socket }) => socket.close(1012, 'moved'),
  'close frame without a code': ({ socket }) => socket.close(),
  'Engine.IO close packet `1`': ({ socket }) => socket.send('1'),
  '`1`, then close frame 1001': ({ socket }) => (socket.send('1'), socket.close(1001, 'moved')),
  'TCP FIN without a close frame': ({ tcp }) => tcp.end(),
  'TCP RST': ({ tcp }) => tcp.resetAndDestroy(),
  'Socket.IO disconnect `41`': ({ socket }) => socket.send('41'),
  '`41`, then close frame 1001': ({ socket }) => (socket.send('41'), socket.close(1001, 'moved')),
};

/** Polling: the poll that waits is answered with `status` and the packets, or is cut; later requests of the session are unknown. */
export const POLLING = {
  'poll answered with `1`': ({ answer }) => answer(200, ['1']),
  'poll answered with noop `6`, then served': ({ answer, keep }) => (keep(), answer(200, ['6'])),
  'poll answered with noop `6`, then 400 unknown session': ({ answer }) => answer(200, ['6']),
  'poll answered with 400 unknown session': ({ refuse }) => refuse(400, { code: 1, message: 'Session ID unknown' }),
  'poll answered with 503': ({ refuse }) => refuse(503, { code: 3, message: 'Bad request' }),
  'poll cut (TCP FIN)': ({ tcp }) => tcp.end(),
  'poll answered with `41`': ({ keep, answer }) => (keep(), answer(200, ['41'])),
};
