/** What the server knows a client by. */
export interface Session {
  /**
   * The id that other clients see as `from`. It stays the same when the client is recovered; `socket.id` of version 2 clients does not.
   */
  id: string;
  /**
   * True when the client is itself again: its rooms are there, and what it missed follows. False on a first connection and where the
   * server does not know the client any more: join rooms now.
   */
  recovered: boolean;
}

/** Why a client may have missed something. */
export type GapReason = 'unknown_session' | 'too_old' | 'too_much' | 'bad_offset' | 'too_slow' | 'log_unavailable' | 'log_lost';

/** The client may have missed something that it will not get. */
export interface Gap {
  reason: GapReason;
  /** The same for people. */
  message: string;
}

export interface Listeners {
  /** Called once for each connection, before anything that was missed is delivered. */
  onSession?: (session: Session) => void;
  /** Called when something may be missing: fetch it from where it is kept. */
  onGap?: (gap: Gap) => void;
}

/**
 * Connects as `io(uri, options)` does, with a client that comes back as itself.
 *
 * @param io `io` of socket.io-client, version 2, 3 or 4
 */
export function connect<Options extends object, Socket>(
  io: (uri: string, options?: Options) => Socket,
  uri: string,
  options?: Options,
  listeners?: Listeners,
): Socket;
