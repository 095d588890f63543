/** The service worker, which keeps the page's own files so that it starts without the server. It keeps no messages. */

interface ScriptPolicy {
  readonly createScriptURL: (url: string) => string
}

interface TrustedTypesFactory {
  readonly createPolicy: (name: string, rules: ScriptPolicy) => ScriptPolicy
}

/** The only script that the page may start by its address. */
const worker = "/sw.js"

/** The name is in the server's Content-Security-Policy. */
const policyName = "a-chat"

/** Browsers without Trusted Types take a string. */
const scriptUrl = (): string => {
  const { trustedTypes } = window as { readonly trustedTypes?: TrustedTypesFactory }
  const createScriptURL = (url: string) => {
    if (url !== worker) throw new TypeError(`not a script of the page: ${url}`)
    return url
  }
  return (trustedTypes?.createPolicy(policyName, { createScriptURL }) ?? { createScriptURL }).createScriptURL(worker)
}

export const register = (): void => {
  if (!("serviceWorker" in navigator)) return
  navigator.serviceWorker.register(scriptUrl()).catch(() => undefined)
}
