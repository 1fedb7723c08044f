// @ts-check
/** Edge, alone with the names of socket events: one connection to `/phone`, commands acknowledged, none queued. */
import { io } from "socket.io-client";

/** Every event name, by who sends it. */
export const EVENTS = Object.freeze({
  client: Object.freeze(["hello", "duty", "dial", "answer", "hang_up", "attach", "mute", "digits", "quality"]),
  server: Object.freeze(["snapshot", "call", "presence", "notice"]),
});

/** How long an acknowledgement may take, in milliseconds. */
const ACK_MS = 8_000;
const RETRY_MS = 2_000;

export class CommandError extends Error {
  /** @param {string} error_id  @param {string} [text] */
  constructor(error_id, text = "") {
    super(text || error_id);
    this.error_id = error_id;
    this.text = text;
  }
}

/** A random id, also where `crypto.randomUUID` is missing (plain HTTP). */
export function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Connect, and stay connected until closed.
 * @param {object} options
 * @param {() => object} options.credentials
 * @param {() => void} options.onUp
 * @param {() => void} options.onDown
 * @param {(why: {error_id?: string, text?: string}) => void} options.onRefused  the server lets us in no more
 * @param {(name: string, data: any) => void} options.onEvent
 */
export function connect({ credentials, onUp, onDown, onRefused, onEvent }) {
  const socket = io("/phone", {
    transports: ["websocket"],
    auth: (/** @type {(data: object) => void} */ give) => give(credentials()),
    reconnectionDelay: 400,
    reconnectionDelayMax: 1_500,
    randomizationFactor: 0.4,
  });
  /** Hang-ups that did not get through, by leg: the only command kept while offline. */
  const unheard = new Map();
  let closed = false;

  const again = () => setTimeout(() => !closed && !socket.active && socket.connect(), RETRY_MS);
  socket.on("connect", onUp);
  socket.on("disconnect", (/** @type {string} */ reason) => {
    if (closed) return;
    onDown();
    if (reason === "io server disconnect") again();
  });
  socket.on("connect_error", (/** @type {any} */ error) => {
    if (closed) return;
    onDown();
    if (!socket.active) {
      onRefused(error.data ?? {});
      again();
    }
  });
  for (const name of EVENTS.server) socket.on(name, (/** @type {any} */ data) => onEvent(name, data));

  /** @param {string} name  @param {object} fields  @param {string} id */
  async function emit(name, fields, id) {
    if (!socket.connected) throw new CommandError("offline");
    let ack;
    try {
      ack = await socket.timeout(ACK_MS).emitWithAck(name, { id, ...fields });
    } catch {
      throw new CommandError(socket.connected ? "timeout" : "offline");
    }
    if (ack?.error_id) throw new CommandError(ack.error_id, ack.text);
    return ack ?? {};
  }

  return {
    connected: () => socket.connected,
    /**
     * Send one command; resolves with its acknowledgement.
     * @param {string} name
     * @param {Record<string, unknown>} fields
     * @returns {Promise<any>}
     */
    async send(name, fields) {
      const id = randomId();
      try {
        return await emit(name, fields, id);
      } catch (error) {
        const lost = error instanceof CommandError && (error.error_id === "offline" || error.error_id === "timeout");
        if (name !== "hang_up" || !lost) throw error;
        unheard.set(fields.leg_id, id);
        return {};
      }
    },
    /** Send again, under the same ids, the hang-ups that did not get through. */
    async flush() {
      for (const [leg_id, id] of [...unheard]) {
        unheard.delete(leg_id);
        await emit("hang_up", { leg_id }, id).catch(() => undefined);
      }
    },
    reconnectNow: () => !closed && !socket.connected && socket.connect(),
    close() {
      closed = true;
      socket.close();
    },
  };
}
