// @ts-check
/** Edge, alone with RTCPeerConnection: one connection that carries one leg's sound. */
/** @typedef {import("./quality.js").Reading} Reading */

/**
 * Open a fresh connection. Without a track it sends nothing until `setTrack` (a ringing phone's microphone is closed).
 * @param {object} options
 * @param {MediaStreamTrack|null} options.track
 * @param {(state: string) => void} options.onState  connection and ICE states as they come
 */
export function openPeer({ track, onState }) {
  const connection = new RTCPeerConnection({ iceServers: [], bundlePolicy: "max-bundle" });
  const transceiver = connection.addTransceiver(track ?? "audio", { direction: "sendrecv" });
  const sound = new MediaStream([transceiver.receiver.track]);
  let closed = false;

  const tell = (/** @type {string} */ state) => !closed && onState(state);
  connection.addEventListener("connectionstatechange", () => tell(connection.connectionState));
  connection.addEventListener("iceconnectionstatechange", () => {
    // "connected" counts only when DTLS is done too; trouble is told by whichever notices first.
    if (connection.iceConnectionState === "disconnected") tell("disconnected");
  });

  return {
    /** What the far end sends. */
    sound,
    isUp: () => connection.connectionState === "connected",
    /** Make the offer; the server needs none of our candidates, so nothing is gathered first. */
    async offer() {
      await connection.setLocalDescription(await connection.createOffer());
      return /** @type {RTCSessionDescription} */ (connection.localDescription).sdp;
    },
    /** @param {string} sdp */
    accept: (sdp) => connection.setRemoteDescription({ type: "answer", sdp }),
    /** @param {MediaStreamTrack|null} next */
    setTrack: (next) => transceiver.sender.replaceTrack(next),
    /** @returns {Promise<Reading|null>} */
    read: async () => reading(await connection.getStats()),
    close() {
      closed = true;
      connection.close();
    },
  };
}

/**
 * Pick the counters of the received sound out of a report.
 * @param {RTCStatsReport} report
 * @returns {Reading|null}
 */
function reading(report) {
  let inbound, pair;
  for (const entry of report.values()) {
    if (entry.type === "inbound-rtp" && entry.kind === "audio") inbound = entry;
    if (entry.type === "candidate-pair" && entry.nominated && entry.state === "succeeded") pair = entry;
  }
  if (!inbound) return null;
  return {
    received: inbound.packetsReceived ?? 0,
    lost: inbound.packetsLost ?? 0,
    samples: inbound.totalSamplesReceived ?? 0,
    concealed: (inbound.concealedSamples ?? 0) - (inbound.silentConcealedSamples ?? 0),
    jitter_ms: (inbound.jitter ?? 0) * 1000,
    rtt_ms: (pair?.currentRoundTripTime ?? 0) * 1000,
  };
}
