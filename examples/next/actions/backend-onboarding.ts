"use server"

import { getDirectory } from "@/lib/directory"

/** API key of the organization, from where it is kept on the server. */
export async function getOrgApiKeySecure(orgSlug: string): Promise<string | null> {
  return getDirectory().apiKey(orgSlug)
}
