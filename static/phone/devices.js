// @ts-check
/** Edge: microphones, speakers and the permission to use them. */
import { signal } from "@preact/signals";
import { ROLES, chooseDevice, microphoneError, prefer } from "./device_choice.js";
/** @typedef {import("./device_choice.js").Device} Device */
/** @typedef {import("./device_choice.js").Role} Role */

const KEPT = "webpbx.devices";
const SETTLE_MS = 300;

export class MicrophoneError extends Error {
  /** @param {"microphone_denied"|"no_microphone"|"microphone_busy"|"no_media_devices"} error_id */
  constructor(error_id) {
    super(error_id);
    this.error_id = error_id;
    this.text = "";
  }
}

/** @returns {Record<Role, Device[]>} */
function kept() {
  const stored = JSON.parse(localStorage.getItem(KEPT) ?? "{}");
  return /** @type {Record<Role, Device[]>} */ (Object.fromEntries(ROLES.map((role) => [role, stored[role] ?? []])));
}

/** @param {{onLost: (role: Role) => void}} options  onLost: the device in use was unplugged */
export function createDevices({ onLost }) {
  const media = navigator.mediaDevices;
  const inputs = signal(/** @type {Device[]} */ ([]));
  const outputs = signal(/** @type {Device[]} */ ([]));
  const preferred = signal(kept());
  /** "insecure": not HTTPS; "missing": no microphone plugged in. */
  const permission = signal(/** @type {"unknown"|"prompt"|"granted"|"denied"|"missing"|"insecure"} */ (
    media ? "unknown" : "insecure"));
  const canChooseOutput = "setSinkId" in HTMLMediaElement.prototype;

  /** @param {Role} role */
  const chosen = (role) => chooseDevice(preferred.value[role], (role === "microphone" ? inputs : outputs).value);

  async function refresh() {
    if (!media) return;
    const before = ROLES.map((role) => ({ role, device: chosen(role) }));
    const all = await media.enumerateDevices();
    /** @param {MediaDeviceKind} kind */
    const named = (kind) => all
      .filter((device) => device.kind === kind && device.deviceId !== "" && device.deviceId !== "default"
        && device.deviceId !== "communications")
      .map((device) => ({ id: device.deviceId, label: device.label }));
    inputs.value = named("audioinput");
    outputs.value = named("audiooutput");
    if (!all.some((device) => device.kind === "audioinput")) permission.value = "missing";
    else if (permission.value === "missing") permission.value = "unknown";
    for (const { role, device } of before) if (device && !chosen(role)) onLost(role);
  }

  async function watchPermission() {
    if (!media || !navigator.permissions) return;
    try {
      const status = await navigator.permissions.query({ name: /** @type {PermissionName} */ ("microphone") });
      const take = () => {
        if (permission.value !== "missing") permission.value = status.state;
        refresh();
      };
      status.addEventListener("change", take);
      take();
    } catch {
      // Some browsers do not tell before they are asked; opening the microphone shows it.
    }
  }

  let settling = 0;
  media?.addEventListener("devicechange", () => {
    clearTimeout(settling);
    settling = setTimeout(refresh, SETTLE_MS);
  });
  const started = refresh().then(watchPermission);

  /** @param {string|null} id */
  const constraints = (id) => ({
    audio: {
      ...(id ? { deviceId: { exact: id } } : {}),
      echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1,
    },
  });

  /** @type {MediaStreamTrack|null} */
  let silent = null;

  return {
    inputs, outputs, preferred, permission, canChooseOutput, chosen, started,
    /** A track that says nothing: without a microphone the far end still sees that the line lives. */
    silence() {
      if (!silent || silent.readyState !== "live") {
        silent = new AudioContext().createMediaStreamDestination().stream.getAudioTracks()[0];
      }
      return silent;
    },
    /**
     * Open the preferred microphone.
     * @returns {Promise<MediaStreamTrack>}
     * @throws {MicrophoneError}
     */
    async openMicrophone() {
      if (!media) throw new MicrophoneError("no_media_devices");
      const id = chosen("microphone")?.id ?? null;
      try {
        const stream = await media.getUserMedia(constraints(id)).catch((error) => {
          if (error.name === "OverconstrainedError" && id) return media.getUserMedia(constraints(null));
          throw error;
        });
        permission.value = "granted";
        refresh();
        return stream.getAudioTracks()[0];
      } catch (error) {
        const error_id = microphoneError(/** @type {DOMException} */ (error).name);
        if (error_id === "microphone_denied") permission.value = "denied";
        if (error_id === "no_microphone") permission.value = "missing";
        throw new MicrophoneError(error_id);
      }
    },
    /** @param {Role} role  @param {Device} device  an empty id means the system's default */
    choose(role, device) {
      preferred.value = { ...preferred.value, [role]: prefer(preferred.value[role], device) };
      localStorage.setItem(KEPT, JSON.stringify(preferred.value));
    },
  };
}
