import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Message } from "../client/Received.js"
import * as DesktopNotification from "./DesktopNotification.js"
import type { Display } from "./Display.js"
import * as Notifier from "./Notifier.js"
import * as NotifyCommand from "./NotifyCommand.js"
import * as TypedLine from "./TypedLine.js"

export interface NotificationOptions {
  /** The messages that the user is notified of at the start. */
  readonly extent: TypedLine.Extent
  /** Undefined if the terminal should not show notifications. */
  readonly desktop?: DesktopNotification.TerminalRoute | undefined
  readonly command?: NotifyCommand.NotifyCommandOptions | undefined
}

export interface Notifications {
  /** Whether there is any way to notify the user. If so, the terminal must report its focus. */
  readonly arePossible: boolean
  /** @param extent which messages the user is notified of now */
  readonly message: (message: Message, isMention: boolean, extent: TypedLine.Extent) => void
  /** The terminal has gained or lost the focus. */
  readonly focus: (isFocused: boolean) => void
}

/** Between notifications. */
const interval = Duration.seconds(2)

interface Outputs {
  readonly display: Display
  /** The user's name. */
  readonly own: () => string
  /** Writes a control sequence to the terminal. */
  readonly write: (sequence: string) => void
  readonly warn: (text: string) => void
}

/** Notifies the user of messages, except while the terminal reports that it has the focus. */
export const make = (
  { command, desktop }: Omit<NotificationOptions, "extent">,
  { display, own, warn, write }: Outputs
): Effect.Effect<Notifications, never, Scope.Scope> =>
  Effect.gen(function* () {
    const notifiers: Array<Notifier.Notifier> = []
    if (desktop !== undefined) {
      const show = (notification: Notifier.Notification) =>
        Effect.sync(() => write(DesktopNotification.render(notification, desktop, display)))
      notifiers.push(yield* Notifier.make(show, interval))
    }
    if (command !== undefined) {
      let hasFailed = false
      const run = (notification: Notifier.Notification) =>
        Effect.map(NotifyCommand.run(notification, own(), command), (fault) => {
          if (fault === undefined || hasFailed) return
          hasFailed = true
          warn(`the command of --notify failed (${fault}); this is reported once`)
        })
      notifiers.push(yield* Notifier.make(run, interval))
    }
    // A terminal may never report its focus.
    let hasFocus = false
    return {
      arePossible: notifiers.length > 0,
      message: (message, isMention, extent) => {
        if (!TypedLine.isFor(extent, isMention) || hasFocus) return
        for (const notifier of notifiers) notifier.offer(message, isMention)
      },
      focus: (isFocused) => {
        hasFocus = isFocused
        if (isFocused) for (const notifier of notifiers) notifier.clear()
      }
    }
  })
