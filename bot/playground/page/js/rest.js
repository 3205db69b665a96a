// A client of the REST API.

/** A request failed: an error answer, or with status 0 no answer. */
export class ApiError extends Error {
  constructor(message, status = 0, code = 0) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Sends requests of one user. */
export class Rest {
  /** @param {string} token The user's. */
  constructor(token) {
    this.token = token;
  }

  /** Send a GET request. */
  get(path) {
    return this.request("GET", path);
  }

  /**
   * Send a request.
   * @param {string} method
   * @param {string} path Below `/api/v10`.
   * @param {Object} [body] JSON.
   * @param {{files?: File[], progress?: (done: number) => void}} [more] With files it goes as multipart; `progress`
   *   is called with the uploaded share, 0 to 1.
   * @returns {Promise<any>} The answer's JSON.
   * @throws {ApiError}
   */
  request(method, path, body = undefined, { files = [], progress = null } = {}) {
    // fetch has no upload progress.
    const request = new XMLHttpRequest();
    request.open(method, `/api/v10${path}`);
    request.setRequestHeader("Authorization", this.token);
    if (progress) {
      request.upload.addEventListener("progress", (event) => {
        if (event.lengthComputable) progress(event.loaded / event.total);
      });
    }
    const answered = new Promise((resolve, reject) => {
      request.addEventListener("load", () => settle(request, resolve, reject));
      request.addEventListener("error", () => reject(new ApiError("The pocket Discord doesn't answer. Is it still running?")));
    });
    if (files.length) request.send(multipart(body, files));
    else if (body === undefined) request.send();
    else {
      request.setRequestHeader("Content-Type", "application/json");
      request.send(JSON.stringify(body));
    }
    return answered;
  }
}

function multipart(body, files) {
  const form = new FormData();
  form.append("payload_json", new Blob([JSON.stringify(body)], { type: "application/json" }));
  files.forEach((file, number) => form.append(`files[${number}]`, file, file.name));
  return form;
}

function settle(request, resolve, reject) {
  let answer = null;
  try {
    answer = request.responseText ? JSON.parse(request.responseText) : null;
  } catch {
    answer = null;
  }
  if (request.status < 300) resolve(answer);
  else reject(new ApiError(sentence(answer, request.status), request.status, answer?.code));
}

/** Return the message of Discord's error object, with the first field error. */
function sentence(answer, status) {
  const said = answer?.message ?? `The pocket Discord answered with ${status}.`;
  const [where, why] = first(answer?.errors, []) ?? [];
  return why ? `${said}: ${where.join(" ")}: ${why}` : said;
}

function first(errors, path) {
  if (!errors || typeof errors !== "object") return null;
  if (Array.isArray(errors._errors) && errors._errors.length) return [path, errors._errors[0].message];
  for (const [name, below] of Object.entries(errors)) {
    const found = first(below, [...path, name]);
    if (found) return found;
  }
  return null;
}
