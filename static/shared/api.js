// @ts-check
/** Edge: the HTTP interface under `/api/v1`. A failure is an `ApiError` with a stable id and a sentence. */

/**
 * One of the user's own SIP telephones.
 * @typedef {{username: string, name: string, registered: boolean, since: string|null, enabled: boolean}} OwnDevice
 */

export class ApiError extends Error {
  /**
   * @param {string} error_id
   * @param {string} text
   * @param {number} [status]  0 when no answer came
   * @param {Record<string, any>} [details]
   */
  constructor(error_id, text, status = 0, details = {}) {
    super(text);
    this.error_id = error_id;
    this.text = text;
    this.status = status;
    this.details = details;
  }
}

const TOKEN = "webpbx.token";

/**
 * Make the interface for this tab. A bearer token (kept for this tab only) goes before the cookie.
 * @param {() => string} language  for the sentences of errors
 */
export function createApi(language) {
  let csrf = "";

  /** @param {string} method  @param {string} path  @param {object} [body] */
  async function request(method, path, body) {
    const token = sessionStorage.getItem(TOKEN);
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json", "Accept-Language": language() };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (method !== "GET") headers["Content-Type"] = "application/json";
    if (method !== "GET" && csrf) headers["X-CSRF-Token"] = csrf;
    let answer;
    try {
      answer = await fetch(`/api/v1/${path}`, {
        method, headers, cache: "no-store", body: method === "GET" ? undefined : JSON.stringify(body ?? {}),
      });
    } catch {
      throw new ApiError("server_unreachable", "");
    }
    const content = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
    if (answer.ok) return content;
    const unnamed = answer.status === 429 ? "too_many_attempts" : answer.status === 401 ? "login_required" : "internal";
    throw new ApiError(content.error_id ?? unnamed, content.text ?? "", answer.status, content.details);
  }

  /** @param {{user: object, csrf?: string}} session */
  function entered(session) {
    csrf = session.csrf ?? "";
    return session.user;
  }

  return {
    /** What the socket shows at its connection. */
    credentials: () => ({ token: sessionStorage.getItem(TOKEN) ?? undefined, csrf: csrf || undefined }),
    hasToken: () => sessionStorage.getItem(TOKEN) !== null,
    /** @param {string} token */
    useToken: (token) => sessionStorage.setItem(TOKEN, token),
    dropToken: () => sessionStorage.removeItem(TOKEN),
    session: async () => entered(await request("GET", "session")),
    /** @param {string} login  @param {string} password */
    signIn: async (login, password) => entered(await request("POST", "session", { login, password })),
    /** @param {string} token */
    signInByLink: async (token) => entered(await request("POST", "session/link", { token })),
    signOut: async () => {
      await request("DELETE", "session");
      sessionStorage.removeItem(TOKEN);
      csrf = "";
    },
    /** All calls of the company, for its administrators. @param {Record<string, string|number>} query */
    allCalls: (query) => request("GET", `calls/all?${new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]))}`),
    /** @param {string} id */
    call: (id) => request("GET", `calls/${encodeURIComponent(id)}`),
    /** @param {string} id */
    callSip: (id) => request("GET", `calls/${encodeURIComponent(id)}/sip`),
    /** Where a call's SIP lies as a file. @param {string} id  @param {boolean} numbers  shown in full */
    sipTextPath: (id, numbers) => `/api/v1/calls/${encodeURIComponent(id)}/sip.txt${numbers ? "?numbers=1" : ""}`,
    /** @param {number} limit */
    calls: async (limit) => (await request("GET", `calls?limit=${limit}`)).calls ?? [],
    /** @returns {Promise<OwnDevice[]>} */
    ownDevices: async () => (await request("GET", "devices")).devices ?? [],
    /** What runs the company: see `console/desk.js`. */
    settings: {
      all: () => request("GET", "settings"),
      /** @param {string} noun */
      list: (noun) => request("GET", `settings/${noun}`),
      /** @param {string} noun  @param {object} fields */
      add: (noun, fields) => request("POST", `settings/${noun}`, fields),
      /** @param {string} noun  @param {string} key  @param {object} fields */
      change: (noun, key, fields) => request("PATCH", `settings/${noun}/${encodeURIComponent(key)}`, fields),
      /** @param {string} noun  @param {string} key */
      remove: (noun, key) => request("DELETE", `settings/${noun}/${encodeURIComponent(key)}`),
      /** @param {string} key */
      askTrunk: (key) => request("POST", `settings/trunk/${encodeURIComponent(key)}/ask`),
    },
    demoColleague: async () => String((await request("POST", "demo/colleague")).token),
    demoCallMe: () => request("POST", "demo/call_me"),
  };
}
