import type * as Net from "node:net"
import type { TransportError } from "../ports/Transport.js"
import { NetSocket, type Remote } from "./NetSocket.js"
import * as NodeInternals from "./NodeInternals.js"

/** Plain bytes in each TLS record of a write but its last. Each record adds the same overhead (RFC 8446, 5.1). */
const plainRecordBytes = 16_384

const cutShort = () => Object.assign(new Error("no close_notify"), { code: "ECUTSHORT" })

const explanations: Readonly<Record<string, Pick<TransportError, "reason" | "hint">>> = {
  ECUTSHORT: { reason: "the connection was cut off: TCP ended without the closing message of TLS" },
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: {
    reason: "the server requires a client certificate",
    hint: "client-certificate-required"
  },
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: { reason: "the other side does not trust our certificate" }
}

/** The `Socket` of the port over TLS, once the handshake has finished. */
export class TlsSocket extends NetSocket {
  private wasCutShort = false
  /** Where the last write lies in the connection's ciphertext; undefined while that is unknown. */
  private record: { readonly begin: number; readonly end: number; readonly bytes: number } | undefined = undefined
  private written = 0

  constructor(tls: Net.Socket, { host, remote }: Remote) {
    super(tls, remote, host)
    // Checked when the end arrives, not when Node emits it: a paused socket may emit it long after.
    const push = tls.push.bind(tls)
    tls.push = (chunk: unknown, encoding?: BufferEncoding) => {
      if (chunk === null) this.wasCutShort = NodeInternals.hasTcpEnded(tls)
      return push(chunk, encoding)
    }
  }

  override get isPrivate(): boolean {
    return true
  }

  /** Without TLS's own end, anyone on the path could have cut the connection. */
  override ended() {
    if (this.wasCutShort) this.socket.destroy(cutShort())
    else super.ended()
  }

  /** Never: a socket that is destroyed sends no close_notify, and the peer would take that for a cut connection. */
  protected override get isDone() {
    return false
  }

  protected override explain(code: string | undefined) {
    return explanations[code ?? ""] ?? super.explain(code)
  }

  /** Node reports a write over TLS a turn later, although the kernel has usually taken all of it immediately. */
  override write(bytes: string) {
    const isIdle = this.socket.writableLength === 0
    const before = NodeInternals.ciphertext(this.socket)
    if (super.write(bytes)) return true
    const after = NodeInternals.ciphertext(this.socket)
    if (before === undefined || after === undefined || this.isBroken) return false
    this.written = bytes.length
    this.record = undefined
    // Node encrypts a write only after it has reported the previous one.
    if (!isIdle) return false
    const overhead = (after.pending - bytes.length) / Math.ceil(bytes.length / plainRecordBytes)
    // Otherwise other ciphertext is on its way, such as session tickets.
    if (!Number.isInteger(overhead) || overhead <= 0) return false
    const end = before.handed + after.pending
    this.record = { begin: before.handed, end, bytes: plainRecordBytes + overhead }
    if (after.handed < end || after.queued > 0) return false
    this.lastUntaken = 0
    return true
  }

  /** With a callback: `awaitWritten` would send a record without content. */
  protected override put(bytes: string) {
    this.socket.write(bytes, "latin1", this.onWritten)
  }

  /** Each write has its own callback. */
  protected override awaitWritten() {}

  /** The peer cannot decrypt a record of which the kernel has taken only a part, so such a record counts as untaken. */
  override untaken() {
    if (this.isBroken || this.socket.writableLength === 0 || this.lastUntaken === 0) return this.lastUntaken
    const now = this.record && NodeInternals.ciphertext(this.socket)
    if (now === undefined || this.record === undefined) return this.lastUntaken
    const { begin, bytes, end } = this.record
    const taken = now.handed - now.queued
    const whole = Math.floor((taken - begin) / bytes) * plainRecordBytes
    this.lastUntaken = taken >= end ? 0 : Math.max(0, this.written - Math.max(0, whole))
    return this.lastUntaken
  }
}
