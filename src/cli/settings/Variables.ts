import * as Context from "effect/Context"
import * as DidYouMean from "../../protocol/DidYouMean.js"
import * as Setting from "./Setting.js"

/** Environment variables that look like settings but are not. They cause a warning, never a refusal. */

/**
 * The variables that Kubernetes sets in every pod of a namespace for a service called `achat` or `achat-…`. The
 * operator did not write them, so a warning about them would only hide the others.
 */
const ofKubernetes =
  /^ACHAT_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/u

/** The value of `ACHAT_PORT` in such a pod, `tcp://10.0.0.1:8080`: the service's address, not a port for us. */
export const isKubernetesPort = (variable: string, text: string): boolean =>
  /^ACHAT_(?:\w+_)?PORT$/u.test(variable) && /^(?:tcp|udp|sctp):\/\//u.test(text)

/** Variables of the command of --notify. ACHAT_FROM and ACHAT_LOGIN are settings as well. */
const ofMessages: ReadonlySet<string> = new Set(["ACHAT_MENTION", "ACHAT_MORE"])

/**
 * The password of the login's account. Not a setting, because a setting would also be a flag, which other users can
 * see.
 */
export const password = "ACHAT_PASSWORD"

/** Describes each variable without meaning: `ACHAT_PROT is not a setting; did you mean ACHAT_PORT?` */
export const unknown = (
  environment: Readonly<Record<string, string | undefined>>,
  settings: ReadonlyArray<Setting.Setting<unknown>>
): ReadonlyArray<string> => {
  const prefix = Setting.variable("")
  const known = new Set(settings.map(({ name }) => name))
  return Object.entries(environment).flatMap(([variable, text = ""]) => {
    if (!variable.startsWith(prefix) || text === "") return []
    const name = variable.slice(prefix.length).toLowerCase().replaceAll("_", "-")
    if (known.has(name) && Setting.variable(name) === variable) return []
    if (ofMessages.has(variable) || variable === password) return []
    if (ofKubernetes.test(variable) || isKubernetesPort(variable, text)) return []
    const meant = DidYouMean.nearest(name, [...known])
    return [`${variable} is not a setting${meant === undefined ? "" : `; did you mean ${Setting.variable(meant)}?`}`]
  })
}

/** The variables without meaning, for `serve`, which logs them. The other commands print them. */
export class UnknownVariables extends Context.Reference<UnknownVariables>()("a-chat/UnknownVariables", {
  defaultValue: (): ReadonlyArray<string> => []
}) {}
