import type { Transmission } from "../../src/ports/Reachability.js"
import type { Wire } from "./History.js"
import type { SimulatedLoop } from "./SimulatedLoop.js"

/** A kernel without any answer is asked again after this time, in milliseconds. */
const retransmission = 200

interface Silence {
  readonly isAlive: boolean
  /** The bytes that the client's kernel had acknowledged before. */
  readonly acknowledged: number
  /** When the first unacknowledged byte was written. */
  since: number | undefined
}

/** Times in which a client's kernel acknowledges nothing. */
export class KernelSilence {
  private silence: Silence | undefined = undefined

  constructor(
    private readonly loop: SimulatedLoop,
    private readonly wire: Wire
  ) {}

  /** Whether the client can still send something; undefined while its kernel acknowledges everything. */
  get isAlive(): boolean | undefined {
    return this.silence?.isAlive
  }

  begin(isAlive: boolean) {
    this.silence ??= { isAlive, acknowledged: this.wire.taken.length, since: undefined }
  }

  end(isOver: boolean) {
    this.note(isOver)
    this.silence = undefined
  }

  /** The server's kernel has sent bytes. */
  taken() {
    if (this.silence !== undefined) this.silence.since ??= this.loop.now
  }

  /** What the server's kernel reports, if anything is unacknowledged. */
  get transmission(): Transmission | undefined {
    const { silence } = this
    if (silence?.since === undefined) return undefined
    const { acknowledged, isAlive, since } = silence
    return {
      unacknowledged: this.wire.taken.length - acknowledged,
      acknowledged: { atLeast: acknowledged, atMost: acknowledged },
      attempts: isAlive ? 0 : Math.floor((this.loop.now - since) / retransmission),
      silentMillis: 0
    }
  }

  /** Records the silence so far, even if it continues. */
  note(isOver: boolean) {
    if (this.silence?.since === undefined || isOver) return
    this.wire.silences.push({ from: this.silence.since, to: this.loop.now, isAlive: this.silence.isAlive })
  }
}
