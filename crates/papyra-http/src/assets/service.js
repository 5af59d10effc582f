// The service behind this page: questions, the token, and the stream of new facts.

/** Where the service is mounted: this file lies below it. */
const BASE = new URL("..", import.meta.url);
const LONGEST_PAUSE = 10_000;

export class Unwelcome extends Error {}

/** The token lives as long as this tab. */
export const token = {
  get: () => sessionStorage.getItem("papyra-token"),
  set: (value) => sessionStorage.setItem("papyra-token", value),
};

async function open(path, query, signal) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
  }
  const headers = token.get() ? { Authorization: `Bearer ${token.get()}` } : {};
  const response = await fetch(url, { headers, signal, cache: "no-store" });
  if (response.status === 401) throw new Unwelcome("the token is wanted");
  return response;
}

const words = ({ error }) => [error.message, ...error.causes, error.cure && `(${error.cure})`].filter(Boolean).join(" ");

/** The JSON that a path answers. A refusal is an error with its words. */
export async function ask(path, query = {}, signal = undefined) {
  const response = await open(path, query, signal);
  const answer = await response.json();
  if (answer.schema === "papyra.error/1") throw new Error(words(answer));
  return answer;
}

/** Whether the service is ready, with reasons: an answer, whatever its status. */
export const readiness = (signal) => open("readyz", {}, signal).then((response) => response.json());

/**
 * Follows the log behind a place until the signal comes, through any interruption. `take` gets the facts in batches, as they
 * come; `tell` learns whether the stream is there. If the place is gone, the promise ends with an error.
 */
export async function follow(after, signal, take, tell) {
  let pause = 500;
  while (!signal.aborted) {
    try {
      const response = await open("api/v1/live", { after }, signal);
      if (response.status === 404 || response.status === 400) throw new Gone(words(await response.json()));
      if (!response.ok) throw new Error(`the service answers ${response.status}`);
      for await (const events of batches(response.body)) {
        const facts = [];
        for (const { id, event, data } of events) {
          if (event === "error") {
            if (facts.length) take(facts);
            throw new Gone(words(JSON.parse(data)));
          }
          if (event === "fact") facts.push(data);
          if (id !== undefined) after = id;
        }
        pause = 500;
        tell(null);
        if (facts.length) take(facts);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Gone || error instanceof Unwelcome) throw error;
      tell(error);
    }
    await new Promise((wake) => setTimeout(wake, pause));
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  }
}

export class Gone extends Error {}

/** The events of a stream, as many at once as have come. */
async function* batches(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    yield blocks.map(parse);
  }
}

function parse(block) {
  const event = {};
  for (const line of block.split("\n")) {
    const colon = line.indexOf(": ");
    if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 2);
  }
  return event;
}
