// The page's side of the worker: sends what Python starts from, and questions in their order.

const PARTS = ["wasm", "stdlib", "site"];

function decoded(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64).buffer; // newer, and ten times as fast
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k += 1) bytes[k] = text.charCodeAt(k);
  return bytes.buffer;
}

async function bytes(name) {
  const inside = document.getElementById(`part-${name}`);
  if (inside) return decoded(inside.textContent);
  const answer = await fetch(`${name}.bin`);
  if (!answer.ok) throw new Error(`${name}.bin: ${answer.status}`);
  return answer.arrayBuffer();
}

function newWorker() {
  const inside = document.getElementById("part-worker");
  if (!inside) return new Worker("worker.js", { type: "module" });
  // A page from a disk may not start a module from a blob.
  return new Worker(`data:text/javascript;base64,${inside.textContent}`, { type: "module" });
}

export class Python {
  #waiting = new Map();
  #count = 0;
  #worker = newWorker();

  constructor() {
    this.#worker.onmessage = ({ data: { id, answer, failure } }) => {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (failure === undefined) resolve(answer);
      else reject(new Error(failure));
    };
    this.#worker.onerror = (event) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(event.message || "the worker failed"));
      this.#waiting.clear();
    };
  }

  /** Start Python; resolves with what it says of itself. */
  async start(lock) {
    const parts = await Promise.all(PARTS.map(bytes));
    const files = Object.fromEntries(PARTS.map((name, k) => [name, parts[k]]));
    return this.#send({ files: { ...files, lock } }, parts);
  }

  /** Ask a method of the bridge's Session. */
  ask(question, argument = {}) {
    return this.#send({ question, argument });
  }

  #send(message, transfer = []) {
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ...message }, transfer);
    });
  }
}
