// What a browser lets a page know about a failure, and which rung of the ladder that most likely is. A browser hides
// the reason of a refused cross-site request from the page, so this is a guess with its grounds.

const ENGINE_IO = {
  0: 'rung 1, handshake: the server does not offer this transport',
  1: 'rung 6, replicas: the request reached a replica that does not know this connection',
  2: 'rung 1, handshake: a handshake is a GET, and this was not one',
  3: 'rung 1, handshake: the server did not take this for a Socket.IO request',
  4: 'rung 1, handshake: the server refused this page’s origin',
  5: 'rung 1, handshake: the server does not speak this protocol version',
};

/** @returns {{text: string, rung: string}} for the error of a `connect_error` event. */
export function ofConnectError(error, transport) {
  const text = [error.message, typeof error.description === 'number' ? error.description || '' : '', body(error)]
    .filter(Boolean)
    .join(' · ');
  return { text, rung: rungOfError(error, transport) };
}

function rungOfError(error, transport) {
  if (error.data !== undefined || !error.type) return 'The server’s own code refused this connection, not the way to it.';
  if (transport === 'websocket') {
    return 'Likely rung 4, upgrade: the server refused this page’s origin (403). Or the path is wrong, or nobody listens there. The next attempt is by polling, which tells more.';
  }
  const engine = ENGINE_IO[engineCode(body(error))];
  if (engine) return `Likely ${engine}.`;
  const status = error.description;
  if (status === 401 || status === 403) return 'Likely rung 2, preflight: authentication or the router answered before the origin check.';
  if (status === 404) return 'Likely rung 1, handshake: the path differs between client, load balancer and server.';
  if (status === 502 || status === 503 || status === 504) return 'The load balancer has no healthy server behind it.';
  if (status) return `Likely rung 1, handshake: the answer was ${status}.`;
  return 'Nobody listens there, or the answer does not allow this page’s origin: rung 1, handshake, or rung 2, preflight. The browser’s console says which.';
}

/** The same for `disconnect`; null where somebody wanted it. */
export function ofDisconnect(reason, details) {
  if (reason === 'io client disconnect') return null;
  const code = details?.context?.code;
  const text = code ? `${reason} · close ${code}` : reason;
  const rungs = {
    'io server disconnect': 'The server’s own code ended this connection; the client does not try again by itself.',
    'ping timeout': 'Likely rung 5, cut: nothing arrived for longer than the ping interval allows.',
    'transport error': 'Likely rung 5, cut: the load balancer’s timeout, or a server that went away.',
  };
  const closed =
    code === undefined || code === 1006
      ? 'Likely rung 5, cut: the load balancer’s timeout, or a server that went away without saying so.'
      : 'The server closed this connection in good order, for example to move it before the load balancer would cut it.';
  return { text, rung: rungs[reason] ?? closed };
}

function body(error) {
  return error.context?.responseText?.slice(0, 200);
}

function engineCode(text) {
  try {
    return JSON.parse(text).code;
  } catch {
    return undefined;
  }
}
