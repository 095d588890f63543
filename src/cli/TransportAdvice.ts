import { TransportError, type Hint } from "../ports/Transport.js"

/** Advice for the user about a failure of the network or the operating system, in terms of flags. */

type Advice = Readonly<Partial<Record<Hint, string>>>

const connecting: Advice = {
  "no-server": "start the server, or check --host and --port (or --unix)",
  "no-such-path": "start the server, or check --unix",
  "unknown-host": "check --host",
  unreachable: "check --host and the network",
  "path-not-permitted": "the socket belongs to another user",
  "path-too-long": "choose a shorter one",
  "not-tls": "leave out --tls, or write tcp:// in place of tls://",
  "other-certificate-name": "check --host, or give --server-name",
  "untrusted-certificate": "name its authority with --ca",
  "client-certificate-required": "give --cert and --key"
}

const listening = (host: string, port: string): Advice => ({
  "port-in-use": `stop the other program or choose another port with ${port} (0 takes any free one)`,
  "port-not-permitted": `choose a ${port} above 1023, or grant CAP_NET_BIND_SERVICE`,
  "no-such-interface": `choose another ${host}`,
  "unknown-host": `check ${host}`,
  "no-such-path": "create it first",
  "path-in-use": "choose another --unix, or stop the other server",
  "path-not-permitted": "choose a path in a folder that you may write to",
  "path-too-long": "choose a shorter one",
  "not-a-listening-socket": "in a .socket unit, ListenStream= makes one, without Accept="
})

const withAdvice =
  (advice: Advice) =>
  (error: TransportError): TransportError => {
    const words = error.hint && advice[error.hint]
    if (words === undefined) return error
    const { cause, code, during, reason } = error
    return new TransportError({ during, reason: `${reason}; ${words}`, code, cause })
  }

/** For a client: adds the advice to the error's message. */
export const toConnect = withAdvice(connecting)

/** For `serve`. */
export const toListen = withAdvice(listening("--host", "--port"))

/** For a client of the control socket. */
export const toConnectToControl = withAdvice({
  ...connecting,
  "no-server": "start the server with --control, or check --socket",
  "no-such-path": "start the server with --control, or check --socket"
})

/** For the control socket of `serve`. */
export const toListenForControl = withAdvice({
  ...listening("--host", "--port"),
  "path-in-use": "choose another --control, or stop the other server"
})

/** For the port of `serve` for browsers and HTTP. */
export const toListenForWeb = withAdvice(listening("--web", "--web"))

/** For the admin port of `serve`. */
export const toListenForAdmin = withAdvice(listening("--admin", "--admin"))
