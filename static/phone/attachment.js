// @ts-check
/** Edge: keeps one leg's sound flowing, by putting fresh connections onto the living leg whenever the old one fails. */
import { DISCONNECTED_MS, afterFailure, nextGeneration, onState } from "./attach_plan.js";
import { openPeer } from "./peer.js";

/** A new connection that is not up within this time counts as failed, in milliseconds. */
const UP_MS = 6_000;
/** How long a "needed" that may have crossed our own attach is left alone, in milliseconds. */
const CROSSED_MS = 1_000;

/**
 * @typedef {"connecting"|"open"|"reconnecting"|"failed"} SoundState
 * @param {object} options
 * @param {(sdp: string, generation: number) => Promise<{sdp: string}>} options.attach  the command
 * @param {MediaStreamTrack|null} options.track
 * @param {string} options.speaker  device id, empty for the system's default
 * @param {(state: SoundState, why?: string) => void} options.onState
 * @param {() => void} options.onSilenced  the browser refuses to play until the user clicks
 */
export function createAttachment({ attach, track, speaker, onState: tell, onSilenced }) {
  /** @typedef {ReturnType<typeof openPeer>} Peer */
  /** @type {Peer|null} */
  let current = null;
  /** @type {Peer|null} */
  let coming = null;
  let wasOpen = false;
  let attempt = 0;
  let generation = nextGeneration(-1, Date.now());
  let lostAt = performance.now();
  let timer = 0;
  let watch = 0;
  let crossed = 0;
  let closed = false;

  // Always an element: without one Chromium does not decode.
  const audio = document.createElement("audio");
  audio.autoplay = true;
  audio.setAttribute("data-role", "call");
  document.body.append(audio);
  if (speaker && "setSinkId" in audio) audio.setSinkId(speaker).catch(() => undefined);

  /** @param {Peer} peer  @param {string} state */
  function moved(peer, state) {
    const meaning = onState(state);
    if (peer === coming && meaning === "up") takeOver(peer);
    if (peer === coming && meaning === "now") failed(peer, "failed");
    if (peer !== current) return;
    clearTimeout(watch);
    if (meaning === "wait") watch = setTimeout(() => lost(), DISCONNECTED_MS);
    if (meaning === "now") lost();
  }

  /** @param {Peer} peer */
  function takeOver(peer) {
    current?.close();
    current = peer;
    coming = null;
    clearTimeout(timer);
    wasOpen = true;
    attempt = 0;
    lostAt = 0;
    audio.srcObject = peer.sound;
    audio.play().catch((error) => error.name === "NotAllowedError" && onSilenced());
    tell("open");
  }

  async function start() {
    clearTimeout(timer);
    clearTimeout(watch);
    coming?.close();
    generation = nextGeneration(generation, Date.now());
    const peer = openPeer({ track, onState: (state) => moved(peer, state) });
    coming = peer;
    tell(wasOpen ? "reconnecting" : "connecting");
    try {
      const answer = await attach(await peer.offer(), generation);
      if (coming !== peer) return;
      await peer.accept(answer.sdp);
      if (coming !== peer) return;
      timer = setTimeout(() => failed(peer, "timeout"), UP_MS);
    } catch (error) {
      failed(peer, /** @type {any} */ (error).error_id ?? "failed");
    }
  }

  /** @param {Peer} peer  @param {string} error_id */
  function failed(peer, error_id) {
    if (closed || coming !== peer) return;
    clearTimeout(timer);
    peer.close();
    coming = null;
    const next = afterFailure({ error_id, attempt, trying_ms: lostAt ? performance.now() - lostAt : 0 });
    if (!next.again) {
      tell("failed", next.why);
      return;
    }
    attempt += 1;
    timer = setTimeout(start, next.wait_ms);
  }

  function lost() {
    if (closed || coming) return;
    if (!lostAt) lostAt = performance.now();
    attempt = 0;
    start();
  }

  start();

  return {
    /** The network or the socket is back: try now unless all is well. */
    nudge() {
      if (closed || current?.isUp()) return;
      if (!lostAt) lostAt = performance.now();
      attempt = 0;
      start();
    },
    /**
     * The server says the leg has no connection. Ours may just be arriving, so look again a moment later.
     * @param {() => boolean} stillNeeded
     */
    needed(stillNeeded) {
      if (coming) return;
      clearTimeout(crossed);
      crossed = setTimeout(() => stillNeeded() && lost(), CROSSED_MS);
    },
    /** @param {MediaStreamTrack|null} next */
    async setTrack(next) {
      if (track === next) return;
      track = next;
      await Promise.all([current, coming].map((peer) => peer?.setTrack(next)));
    },
    /** @param {string} id */
    useSpeaker: async (id) => void ("setSinkId" in audio && (await audio.setSinkId(id).catch(() => undefined))),
    play: () => audio.play(),
    read: async () => (current ? current.read() : null),
    close() {
      closed = true;
      for (const pending of [timer, watch, crossed]) clearTimeout(pending);
      coming?.close();
      current?.close();
      coming = current = null;
      audio.srcObject = null;
      audio.remove();
    },
  };
}
