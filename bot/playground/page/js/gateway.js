// A gateway client: hello, identify or resume, heartbeats, events.

const DISPATCH = 0, HEARTBEAT = 1, IDENTIFY = 2, RESUME = 6, RECONNECT = 7, INVALID_SESSION = 9, HELLO = 10, ACK = 11;
const AUTHENTICATION_FAILED = 4004;
const MAX_DELAY_MS = 10_000;

/** One user's gateway connection. It reconnects with exponential backoff, and resumes where it can. */
export class Gateway {
  /**
   * @param {string} token The user's.
   * @param {Object} told
   * @param {(event: string, data: Object) => void} told.heard Called with each event.
   * @param {(connected: boolean) => void} told.changed Called when it is connected and disconnected.
   * @param {() => void} told.unknown Called when the token is invalid. It doesn't reconnect then.
   */
  constructor(token, { heard, changed, unknown }) {
    this.token = token;
    this.heard = heard;
    this.changed = changed;
    this.unknown = unknown;
    this.sessionId = null;
    this.sequence = null;
    this.wait = 500;
  }

  /** Connect, and reconnect whenever the connection closes. */
  connect() {
    const socket = new WebSocket(`ws://${location.host}/gateway?v=10&encoding=json`);
    socket.addEventListener("message", (event) => this.#handle(socket, JSON.parse(event.data)));
    socket.addEventListener("close", (event) => this.#gone(socket, event.code));
    this.socket = socket;
  }

  #send(socket, op, data) {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ op, d: data }));
  }

  #handle(socket, payload) {
    if (socket !== this.socket) return;
    switch (payload.op) {
      case HELLO:
        this.#greet(socket, payload.d.heartbeat_interval);
        break;
      case INVALID_SESSION:
        this.sessionId = null;
        this.#identify(socket);
        break;
      case HEARTBEAT:
        this.#send(socket, HEARTBEAT, this.sequence);
        break;
      case ACK:
        this.acked = true;
        break;
      case RECONNECT:
        socket.close();
        break;
      case DISPATCH:
        this.sequence = payload.s;
        this.#dispatch(payload.t, payload.d);
        break;
    }
  }

  #greet(socket, interval) {
    clearInterval(this.beating);
    this.acked = true;
    this.beating = setInterval(() => this.#beat(socket), interval);
    if (this.sessionId === null) this.#identify(socket);
    else this.#send(socket, RESUME, { token: this.token, session_id: this.sessionId, seq: this.sequence });
  }

  /** Send a heartbeat, or reconnect where the last one wasn't acknowledged. */
  #beat(socket) {
    if (!this.acked) {
      // The close frame won't be answered either: don't wait for the close event.
      socket.close();
      return this.#gone(socket, 0);
    }
    this.acked = false;
    return this.#send(socket, HEARTBEAT, this.sequence);
  }

  #identify(socket) {
    this.#send(socket, IDENTIFY, { token: this.token, intents: 0, properties: { browser: "pocket" } });
  }

  #dispatch(event, data) {
    if (event === "READY") this.sessionId = data.session_id;
    if (event === "READY" || event === "RESUMED") {
      this.wait = 500;
      this.changed(true);
    }
    this.heard(event, data);
  }

  #gone(socket, code) {
    if (socket !== this.socket) return;
    this.socket = null;
    clearInterval(this.beating);
    this.changed(false);
    // After a close with one of Discord's codes the session can't be resumed.
    if (code >= 4000) this.sessionId = null;
    if (code === AUTHENTICATION_FAILED) return this.unknown();
    setTimeout(() => this.connect(), this.wait);
    this.wait = Math.min(this.wait * 2, MAX_DELAY_MS);
    return undefined;
  }
}
