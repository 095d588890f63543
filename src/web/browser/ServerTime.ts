/**
 * The time of the server that the page came from, in milliseconds since 1970 and cut to seconds; undefined if it is not
 * reached. The service worker answers no request with HEAD, so that a kept page's time is never taken for it.
 */
export const ask = async (): Promise<number | undefined> => {
  const { headers } = await fetch("/", { method: "HEAD", cache: "no-store" })
  const at = Date.parse(headers.get("date") ?? "")
  return Number.isNaN(at) ? undefined : at
}
