// @ts-check
/** Edge: the sound of all calls this tab holds: one microphone, one attachment for each leg, samples of quality. */
import { createAttachment } from "./attachment.js";
import { wantsMedia, wantsMicrophone } from "./call.js";
import { REPORT_MS, between, smooth } from "./quality.js";
/** @typedef {import("./call.js").Call} Call */
/** @typedef {import("./quality.js").Reading} Reading */

const SHOWN_MS = 1_000;
const HIDDEN_MS = 5_000;
/** How long the microphone stays open for a call whose event is still to come. */
const SETTLE_MS = 2_000;
/** Looks in a row without a packet after which the card says that nothing arrives. */
const SILENT = 3;

/**
 * @param {object} options
 * @param {import("./state.js").State} options.state
 * @param {ReturnType<typeof import("./devices.js").createDevices>} options.devices
 * @param {(name: string, fields: Record<string, unknown>) => Promise<any>} options.send
 */
export function createSound({ state, devices, send }) {
  /** @type {Map<string, ReturnType<typeof createAttachment>>} */
  const attachments = new Map();
  /** @type {Map<string, {reading: Reading|null, reported: number, silent: number}>} */
  const measured = new Map();
  /** Calls of another device that this one is taking over. @type {Set<string>} */
  const claimed = new Set();
  /** @type {MediaStreamTrack|null} */
  let track = null;
  /** @type {Promise<MediaStreamTrack>|null} */
  let opening = null;
  let reserved = 0;

  const find = (/** @type {string} */ leg_id) => state.calls.value.find((call) => call.leg_id === leg_id);
  const held = () => state.calls.value.filter((call) =>
    wantsMedia(claimed.has(call.leg_id) ? { ...call, here: true } : call, state.owner.value === true));

  /** @param {string} leg_id  @param {Partial<import("./state.js").Sound>} change */
  function show(leg_id, change) {
    const before = state.sounds.value[leg_id] ?? { state: "connecting" };
    state.sounds.value = { ...state.sounds.value, [leg_id]: { ...before, ...change } };
  }

  /** @returns {Promise<MediaStreamTrack>} */
  function microphone() {
    if (track && track.readyState === "live") return Promise.resolve(track);
    opening ??= devices.openMicrophone().then(
      (opened) => {
        track = opened;
        track.addEventListener("ended", () => track === opened && renew());
        state.microphoneProblem.value = null;
        return opened;
      },
      (error) => {
        state.microphoneProblem.value = error.error_id;
        throw error;
      },
    ).finally(() => (opening = null));
    return opening;
  }

  /** The microphone went away or another one was chosen: put the new one on every leg. */
  async function renew() {
    track?.stop();
    track = null;
    state.microphoneProblem.value = null;
    await reconcile();
  }

  /** @param {Call} call */
  function open(call) {
    const { leg_id } = call;
    show(leg_id, { state: "connecting" });
    attachments.set(leg_id, createAttachment({
      attach: (sdp, generation) => send("attach", { leg_id, sdp, generation }),
      track: wantsMicrophone(call) ? track ?? devices.silence() : null,
      speaker: devices.chosen("speaker")?.id ?? "",
      onState: (now, why) => {
        show(leg_id, { state: now, why });
        if (now === "open" || now === "failed") claimed.delete(leg_id);
        if (now === "open") measured.set(leg_id, { reading: null, reported: performance.now(), silent: 0 });
      },
      onSilenced: () => show(leg_id, { silenced: true }),
    }));
  }

  /** Make the attachments fit the calls: open, feed, mute or close them. */
  async function reconcile() {
    const wanted = held();
    for (const [leg_id, attachment] of [...attachments]) {
      if (wanted.some((call) => call.leg_id === leg_id)) continue;
      attachment.close();
      attachments.delete(leg_id);
      measured.delete(leg_id);
      const { [leg_id]: gone, ...rest } = state.sounds.value;
      state.sounds.value = rest;
    }
    for (const call of wanted) {
      const attachment = attachments.get(call.leg_id);
      if (!attachment) open(call);
      else if (call.attach === "needed") attachment.needed(() => find(call.leg_id)?.attach === "needed");
    }
    const speaking = wanted.filter(wantsMicrophone);
    if (speaking.length === 0) {
      if (reserved === 0) {
        track?.stop();
        track = null;
      }
      return;
    }
    // What was refused is asked for again by the user's next step, not by every event.
    const opened = state.microphoneProblem.value ? null : await microphone().catch(() => null);
    opened && (opened.enabled = speaking.some((call) => find(call.leg_id)?.muted === false));
    for (const call of speaking) await attachments.get(call.leg_id)?.setTrack(opened ?? devices.silence());
  }

  async function sample() {
    for (const [leg_id, attachment] of attachments) {
      const kept = measured.get(leg_id);
      const reading = kept && find(leg_id)?.state === "answered" ? await attachment.read() : null;
      if (!kept || !reading) continue;
      const latest = between(kept.reading, reading);
      kept.reading = reading;
      kept.silent = latest ? 0 : kept.silent + 1;
      if (kept.silent >= SILENT) show(leg_id, { quality: undefined, silent: true });
      if (!latest) continue;
      const quality = smooth(state.sounds.value[leg_id]?.quality ?? null, latest);
      show(leg_id, { quality, silent: false });
      if (performance.now() - kept.reported < REPORT_MS) continue;
      kept.reported = performance.now();
      send("quality", { leg_id, ...quality }).catch(() => undefined);
    }
  }

  function sampleLater() {
    setTimeout(async () => {
      await sample();
      sampleLater();
    }, document.hidden ? HIDDEN_MS : SHOWN_MS);
  }
  sampleLater();

  return {
    reconcile,
    renew,
    /**
     * Open the microphone for a command and keep it open until the command is through.
     * @template T
     * @param {(track: MediaStreamTrack) => Promise<T>} command
     * @returns {Promise<T>}
     */
    async withMicrophone(command) {
      reserved += 1;
      const release = () => {
        reserved -= 1;
        reconcile();
      };
      try {
        const result = await command(await microphone());
        // The acknowledgement may come before the event that makes the call want the microphone.
        setTimeout(release, SETTLE_MS);
        return result;
      } catch (error) {
        release();
        throw error;
      }
    },
    /**
     * Carry out a command that nothing may hold up: the microphone is asked for meanwhile and joins in when it opens.
     * @param {() => Promise<void>} command
     */
    async withOrWithoutMicrophone(command) {
      reserved += 1;
      microphone().then(reconcile, () => undefined);
      try {
        await command();
      } finally {
        setTimeout(() => {
          reserved -= 1;
          reconcile();
        }, SETTLE_MS);
      }
    },
    /** Bring a call that another device has to this one; inside a click. @param {string} leg_id */
    takeOver(leg_id) {
      claimed.add(leg_id);
      return this.withMicrophone(reconcile);
    },
    /** Let the far end of a ringing leg hear us from the moment it is answered. @param {string} leg_id */
    feed: async (leg_id) => attachments.get(leg_id)?.setTrack(track),
    /** @param {boolean} on */
    mute(on) {
      if (track) track.enabled = !on;
    },
    /** The network or the socket is back. */
    nudge() {
      for (const attachment of attachments.values()) attachment.nudge();
    },
    /** @param {string} id */
    useSpeaker(id) {
      for (const attachment of attachments.values()) attachment.useSpeaker(id);
    },
    /** Inside a click: start what the browser would not play. */
    play() {
      for (const [leg_id, attachment] of attachments) attachment.play().then(() => show(leg_id, { silenced: false }));
    },
  };
}
