// @ts-check
/** Edge: makes the tab ring. A page opened by itself may not make a sound; `unlock` inside a click lets it. */
import { signal } from "@preact/signals";
import { ringSamples } from "./ring_tone.js";

export function createRinger() {
  const ready = signal(false);
  /** @type {{context: AudioContext, out: MediaStreamAudioDestinationNode, ring: AudioBuffer}|null} */
  let sound = null;
  /** @type {AudioBufferSourceNode|null} */
  let ringing = null;
  const output = document.createElement("audio");
  output.setAttribute("data-role", "ringer");
  document.body.append(output);
  let wanted = false;

  function open() {
    if (sound) return sound;
    const context = new AudioContext();
    const out = context.createMediaStreamDestination();
    const samples = ringSamples(context.sampleRate);
    const ring = context.createBuffer(1, samples.length, context.sampleRate);
    ring.copyToChannel(samples, 0);
    context.addEventListener("statechange", refresh);
    output.srcObject = out.stream;
    sound = { context, out, ring };
    return sound;
  }

  function refresh() {
    ready.value = sound?.context.state === "running" && !output.paused;
    if (ready.value && wanted && !ringing) begin(true);
  }

  /** @param {boolean} loop */
  function begin(loop) {
    const { context, out, ring } = open();
    const source = context.createBufferSource();
    source.buffer = ring;
    source.loop = loop;
    source.connect(out);
    source.start();
    if (loop) ringing = source;
  }

  return {
    /** Whether the tab can ring. */
    ready,
    /** Ask the browser for sound: succeeds in a click, or where it already trusts this page. */
    async unlock() {
      const { context } = open();
      await Promise.race([
        Promise.allSettled([context.resume(), output.play()]),
        new Promise((resolve) => setTimeout(resolve, 400)),
      ]);
      refresh();
      return ready.value;
    },
    start() {
      wanted = true;
      refresh();
    },
    stop() {
      wanted = false;
      ringing?.stop();
      ringing = null;
    },
    /** Ring once, so that the user hears which device it is. */
    try: () => begin(false),
    /** @param {string} id  empty for the system's default */
    async useDevice(id) {
      if ("setSinkId" in output) await output.setSinkId(id).catch(() => undefined);
    },
  };
}
