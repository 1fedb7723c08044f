// Runs before the page: keeps its peer connections, so that a test can listen to what they receive.
(() => {
  const Native = window.RTCPeerConnection;
  const peers = [];
  window.RTCPeerConnection = class extends Native {
    constructor(...parameters) {
      super(...parameters);
      peers.push(this);
    }
  };
  let context = null;

  // How much of the sound of the last 341 ms is a tone, and how loud it is; null while nothing is connected.
  window.listenForTone = async (hertz) => {
    const peer = peers.findLast((one) => one.connectionState === "connected");
    const track = peer?.getReceivers().map((receiver) => receiver.track).find((one) => one.kind === "audio");
    if (!track) return null;
    context ??= new AudioContext();
    await context.resume();
    const source = context.createMediaStreamSource(new MediaStream([track]));
    const analyser = new AnalyserNode(context, { fftSize: 16384 });
    source.connect(analyser);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    source.disconnect();
    let real = 0;
    let imaginary = 0;
    let power = 0;
    samples.forEach((sample, index) => {
      const angle = (2 * Math.PI * hertz * index) / context.sampleRate;
      real += sample * Math.cos(angle);
      imaginary -= sample * Math.sin(angle);
      power += sample * sample;
    });
    const size = samples.length;
    const tone = (2 * (real * real + imaginary * imaginary)) / (size * size);
    return { share: power > 0 ? Math.min(1, tone / (power / size)) : 0, rms: Math.sqrt(power / size) };
  };

  // The page's way of sending sound now: packets sent and received so far.
  window.packetCounts = async () => {
    const counts = { sent: 0, received: 0 };
    for (const peer of peers.filter((one) => one.connectionState === "connected")) {
      for (const report of (await peer.getStats()).values()) {
        if (report.type === "outbound-rtp") counts.sent += report.packetsSent;
        if (report.type === "inbound-rtp") counts.received += report.packetsReceived;
      }
    }
    return counts;
  };
})();
