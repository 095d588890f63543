import * as Context from "effect/Context"
import * as Layer from "effect/Layer"

/** The limit on file descriptors, and whether they have run out. */
export interface DescriptorProbe {
  /** The limit of this process (`ulimit -n`), or `Infinity` where it is unknown. For the log. */
  readonly limit: number
  /**
   * Whether no descriptor is left. The server probes twice a second while it accepts, because on Linux a shortage
   * raises no error. Undefined where no probe is needed.
   */
  readonly isShort: (() => boolean) | undefined
}

/**
 * The port through which a server notices a shortage of file descriptors. While they are short, it pauses accepting
 * rather than let the operating system close surplus connections.
 */
export class Descriptors extends Context.Tag("a-chat/Descriptors")<Descriptors, DescriptorProbe>() {}

/** Descriptors that never run short: a server in memory, or one whose operating system reports a shortage itself. */
export const unlimited: DescriptorProbe = { limit: Infinity, isShort: undefined }

/** `unlimited`, as a layer. */
export const none: Layer.Layer<Descriptors> = Layer.succeed(Descriptors, unlimited)
