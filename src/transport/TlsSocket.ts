import * as Net from "node:net"
import type { TransportError } from "../ports/Transport.js"
import { NetSocket, wrapperOf, type Remote } from "./NetSocket.js"
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

/** Replaces a socket's `push`. Shared by all sockets: a closure for each would be garbage. */
function push(this: Net.Socket, chunk: unknown, encoding?: BufferEncoding): boolean {
  // Checked when the end arrives, not when Node emits it: a paused socket may emit it long after.
  if (chunk === null) (wrapperOf(this) as TlsSocket | undefined)?.endArrives()
  return Net.Socket.prototype.push.call(this, chunk, encoding)
}

/** The `Socket` of the port over TLS, once the handshake has finished. */
export class TlsSocket extends NetSocket {
  private wasCutShort = false
  private readonly ciphertext: NodeInternals.Ciphertext | undefined
  /** The last write's range in the connection's ciphertext; `writtenTo` is 0 while it is unknown. */
  private writtenFrom = 0
  private writtenTo = 0
  /** The size of its records in bytes; the last one may be shorter. */
  private recordBytes = 0
  private written = 0

  constructor(tls: Net.Socket, { host, remote }: Remote) {
    super(tls, remote, host)
    this.ciphertext = NodeInternals.Ciphertext.of(tls)
    tls.push = push
  }

  endArrives() {
    this.wasCutShort = NodeInternals.hasTcpEnded(this.socket)
  }

  /**
   * Node gives the handle below a TLS socket a getter and a setter that refer to the TLS socket. V8 keeps such a pair
   * in the old generation, so scavenges treat every closed socket as alive until the next full collection. Everything
   * that the socket refers to would be copied twice and moved to the old generation (benchmark: churn over TLS).
   */
  override closed() {
    super.closed()
    this.forget()
    NodeInternals.forgetBelow(this.socket)
  }

  override get isPrivate(): boolean {
    return true
  }

  /** Without TLS's own end, anyone on the path could have cut the connection. */
  override ended() {
    if (this.wasCutShort) this.socket.destroy(cutShort())
    else super.ended()
  }

  /** The end of TLS is authentic, so a later reset lost nothing. Checking would take a system call. */
  protected override hasReset() {
    return false
  }

  /**
   * Destroying a socket sends no close_notify, which the peer would take for a cut connection. So `end` comes first:
   * Node sends close_notify within that call unless ciphertext is under way. The kernel must have taken it.
   */
  protected override endsAtOnce() {
    const { ciphertext } = this
    if (ciphertext === undefined || this.isBroken || !super.endsAtOnce()) return false
    const begin = ciphertext.handed
    this.socket.end()
    return ciphertext.pending > 0 && ciphertext.handed >= begin + ciphertext.pending && ciphertext.queued === 0
  }

  protected override explain(code: string | undefined) {
    return explanations[code ?? ""] ?? super.explain(code)
  }

  /** Node reports a write over TLS a turn later, although the kernel has usually taken all of it immediately. */
  override write(bytes: string) {
    const { ciphertext } = this
    const isIdle = this.socket.writableLength === 0
    const begin = ciphertext === undefined || this.isBroken ? 0 : ciphertext.handed
    if (super.write(bytes)) return true
    this.written = bytes.length
    this.writtenFrom = begin
    const previousEnd = this.writtenTo
    this.writtenTo = 0
    if (ciphertext === undefined || this.isBroken) return false
    const records = Math.ceil(bytes.length / plainRecordBytes)
    if (!isIdle) {
      // Node encrypts this write only after it has reported the previous one, which it will follow.
      if (begin === previousEnd) {
        this.writtenTo = begin + bytes.length + records * (this.recordBytes - plainRecordBytes)
      }
      return false
    }
    const { pending } = ciphertext
    const overhead = (pending - bytes.length) / records
    // Otherwise other ciphertext is on its way, such as session tickets.
    if (!Number.isInteger(overhead) || overhead <= 0) return false
    this.writtenTo = begin + pending
    this.recordBytes = plainRecordBytes + overhead
    if (ciphertext.handed < this.writtenTo || ciphertext.queued > 0) return false
    this.lastUntaken = 0
    return true
  }

  /** With a callback: `awaitWritten` would send a record without content. */
  protected override put(bytes: string) {
    this.socket.write(bytes, "latin1", this.onWritten)
  }

  /** Each write has its own callback. */
  protected override awaitWritten() {}

  /**
   * The peer cannot decrypt an incomplete record, so a record that the kernel has taken only in part counts as untaken.
   */
  override untaken() {
    if (this.isBroken || this.socket.writableLength === 0 || this.lastUntaken === 0) return this.lastUntaken
    const { ciphertext, recordBytes, writtenFrom, writtenTo } = this
    // More ciphertext than the write's own: something else preceded it, such as a key update.
    if (ciphertext === undefined || writtenTo === 0 || ciphertext.handed > writtenTo) return this.lastUntaken
    const taken = ciphertext.handed - ciphertext.queued
    const whole = Math.floor((taken - writtenFrom) / recordBytes) * plainRecordBytes
    this.lastUntaken = taken >= writtenTo ? 0 : Math.max(0, this.written - Math.max(0, whole))
    return this.lastUntaken
  }
}
