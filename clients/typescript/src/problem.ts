/** Failures of calls. A `Problem` is a refusal that the API explains; `Unreachable` is no answer, or not the API's. */

import type { KnownCode, ProblemDocument } from "./openapi.js";

/** A code of docs/errors.md. Others are added at any time; then `status` tells enough. */
export type Code = KnownCode | (string & {});

/** A refusal (RFC 9457). Compare `code`; `message` is a sentence for people and may be reworded. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: number;
  readonly code: Code;
  /** The one field that is wrong, where it is one. */
  readonly field: string | null;
  /** Finds the request in the logs. */
  readonly requestId: string | null;
  /** Seconds after which the same request may be sent again, where the API says so. */
  readonly retryAfter: number | null;

  constructor(document: ProblemDocument, retryAfter: number | null) {
    super(document.detail);
    this.status = document.status;
    this.code = document.code;
    this.field = document.field ?? null;
    this.requestId = document.request_id ?? null;
    this.retryAfter = retryAfter;
  }
}

/** There was no usable answer, also after trying again. `status` is that of what answered, if anything did. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
  readonly status: number | null;

  constructor(message: string, status: number | null, cause?: unknown) {
    super(message, { cause });
    this.status = status;
  }
}
