/** A fetch that gives one prepared answer after the other, the last one for ever, and records what it was asked. */

import { CloudAct } from "@cloudact/pipelines";

export interface Asked {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: Headers;
  body: unknown;
}

type Prepared = Response | Error;

export class Stub {
  readonly asked: Asked[] = [];
  #answers: Prepared[];

  constructor(...answers: Prepared[]) {
    this.#answers = answers;
  }

  /** A client of the org acme that asks this. */
  client(options: Partial<ConstructorParameters<typeof CloudAct>[0]> = {}): CloudAct {
    return new CloudAct({ url: "https://api.example.com", org: "acme", key: "acme_api_k", fetch: this.fetch, ...options });
  }

  readonly fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    init.signal?.throwIfAborted();
    const url = new URL(String(input));
    this.asked.push({
      method: init.method ?? "GET",
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: new Headers(init.headers),
      body: init.body ? JSON.parse(String(init.body)) : undefined,
    });
    const answer = this.#answers.length > 1 ? this.#answers.shift() : this.#answers[0];
    if (!answer) throw new Error("nothing is prepared");
    if (answer instanceof Error) throw answer;
    return answer.clone();
  };
}

export function json(body: object, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers });
}

export function problem(status: number, code: string, headers: Record<string, string> = {}): Response {
  const document = { type: `/errors/${code}`, title: code, status, detail: `It is ${code}.`, instance: "/", code, request_id: "r1" };
  return json(document, status, headers);
}

export function unchanged(headers: Record<string, string> = {}): Response {
  return new Response(null, { status: 304, headers });
}
