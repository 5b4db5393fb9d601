/**
 * What your application knows and the API does not: who is signed in, which organizations they are members of, how those
 * are billed, and their API keys. Replace this file by your own look-ups (Supabase in the documents); it runs on the
 * server only.
 */

export interface Organization {
  slug: string
  /** The billing provider's word: trialing, active, past_due, canceled, incomplete, paused. */
  billing_status: string | null
  /** Ids of the users who are members. */
  members: string[]
}

export interface Directory {
  /** Id of the user who is signed in. */
  currentUser(): Promise<string | null>
  organization(orgSlug: string): Promise<Organization | null>
  /** The key in `org_api_keys_secure`; it never reaches a browser. */
  apiKey(orgSlug: string): Promise<string | null>
}

let directory: Directory | null = null

export function setDirectory(yours: Directory): void {
  directory = yours
}

export function getDirectory(): Directory {
  if (!directory) throw new Error("Call setDirectory with your application's look-ups first.")
  return directory
}
