import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Mailbox from "effect/Mailbox"
import type * as Scope from "effect/Scope"
import * as RoomReports from "../client/RoomReports.js"
import * as Time from "../ports/Time.js"
import type { CompletionChoices } from "./Completion.js"
import { Composer } from "./Composer.js"
import * as ConversationLog from "./ConversationLog.js"
import { ConversationReader } from "./ConversationReader.js"
import { NumberedConversations } from "./NumberedConversations.js"
import { CurrentRecipients } from "./CurrentRecipients.js"
import * as Display from "./Display.js"
import * as Format from "./Format.js"
import { InputHistory } from "./InputHistory.js"
import * as HistoryFile from "./HistoryFile.js"
import { maxPaste } from "./InputParser.js"
import type { TerminalSize } from "./LiveRegion.js"
import { Mutes, type MutesFile } from "./Mutes.js"
import { Navigation } from "./Navigation.js"
import * as Notifications from "./Notifications.js"
import { People } from "./People.js"
import { Prompt, type Entered } from "./Prompt.js"
import { RequestQueue } from "./RequestQueue.js"
import { RoomLines } from "./RoomLines.js"
import * as Screen from "./Screen.js"
import * as ServerLines from "./ServerLines.js"
import { Transcript } from "./Transcript.js"
import * as TypedLine from "./TypedLine.js"

export interface UiOptions {
  readonly input: Screen.TerminalInput
  readonly output: Screen.TerminalOutput
  readonly display: Display.Display
  /** The size of a terminal that reports none; 80x24 by default. */
  readonly fallbackSize?: TerminalSize | undefined
  /** The messages that ring the terminal's bell. */
  readonly bell: TypedLine.Extent
  /** File that keeps typed lines; undefined to keep none. */
  readonly history: string | undefined
  /** The file with the muted conversations of a login; undefined to keep none. */
  readonly mutes?: ((login: string) => MutesFile) | undefined
  /** The server's address, for people. */
  readonly where: string
  /** Folder of the log of conversations; undefined to keep none. */
  readonly logFolder?: string | undefined
  /** Undefined if the user should not be notified of messages. */
  readonly notifications?: Notifications.NotificationOptions | undefined
}

/** Interval between checks for users who have stayed, or stayed away, for a while. */
const presenceDelay = Duration.millis(ServerLines.settleMillis / 4)

/** Interval between checks for stored messages that have waited long enough. */
const storedDelay = Duration.millis(250)

/** Delay between moving a read mark and reporting it, because the user may read more. */
const readDelay = Duration.seconds(1)

const minRingMillis = 1_000

/** The user's answers and decisions, for the fibers that wait for them. */
export interface Signals {
  /** Answers to the question for the login; ends when the user wants to leave. */
  readonly logins: Mailbox.Mailbox<string>
  /** Answers to the question for a login's secret; undefined if the user does not want to answer. */
  readonly secrets: Mailbox.Mailbox<string | undefined>
  /** New passwords that the server has accepted. */
  readonly passwords: Mailbox.Mailbox<string>
  /** New lines for the history; ends when the user wants to leave. */
  readonly entered: Mailbox.Mailbox<string>
  /** Done when the user no longer wants to wait for outcomes. */
  readonly hurried: Deferred.Deferred<void>
  /** Opened by Enter in an empty line: the user does not want to wait for the next attempt to connect. */
  readonly hurry: Effect.Latch
  /** Opened when there is something to send. */
  readonly work: Effect.Latch
  /** Opened when a message has all its outcomes. */
  readonly settled: Effect.Latch
}

const makeSignals: Effect.Effect<Signals> = Effect.all({
  logins: Mailbox.make<string>(),
  secrets: Mailbox.make<string | undefined>(),
  passwords: Mailbox.make<string>(),
  entered: Mailbox.make<string>(),
  hurried: Deferred.make<void>(),
  hurry: Effect.makeLatch(false),
  work: Effect.makeLatch(false),
  settled: Effect.makeLatch(false)
})

/** The parts of the user interface, and the signals between them. */
export interface Ui extends Signals {
  readonly screen: Screen.Screen
  readonly prompt: Prompt
  readonly composer: Composer
  readonly serverLines: ServerLines.ServerLines
  readonly people: People
  readonly conversations: NumberedConversations
  readonly reader: ConversationReader
  readonly navigation: Navigation
  readonly mutes: Mutes
  readonly rooms: RoomLines
  readonly requests: RequestQueue
  readonly transcript: Transcript
  readonly marks: Display.Marks
  /** Adds a line to the history file, if there is one. */
  readonly remember: (line: string) => Effect.Effect<void>
}

export const make = (options: UiOptions): Effect.Effect<Ui, never, Scope.Scope> =>
  Effect.gen(function* () {
    const time = Time.of(yield* Effect.clock)
    const signals = yield* makeSignals
    const { entered, hurried, logins, passwords, secrets } = signals
    const presence = yield* Effect.makeLatch(false)
    const stored = yield* Effect.makeLatch(false)
    const read = yield* Effect.makeLatch(false)
    const file = yield* openHistory(options.history)

    const marks = Display.marks(options.display)
    const people = new People("")
    const screen = new Screen.Screen(options.input, options.output, options.display, options.fallbackSize)
    const transcript = new Transcript((rows) => screen.print(rows), time.wall)
    const warn = (text: string) => transcript.print(Format.failed(text, marks))
    // Made before the screen is opened, so that the log ends after the screen has closed and all messages are logged.
    const { logFolder: folder, where } = options
    const logging = { where, own: () => people.own, now: time.wall, warn }
    const log = folder === undefined ? ConversationLog.none : yield* ConversationLog.make({ folder, ...logging })
    const { extent: notify = "on", ...ways } = options.notifications ?? {}
    const notifications = yield* Notifications.make(ways, {
      display: options.display,
      own: () => people.own,
      write: (sequence) => screen.notify(sequence),
      warn
    })
    const conversations = new NumberedConversations()
    const mutes = new Mutes({ conversations, fileOf: options.mutes, warn })
    const recipients = new CurrentRecipients()
    const requests = new RequestQueue(() => signals.work.unsafeOpen())
    const reader: ConversationReader = new ConversationReader({
      marks,
      people,
      transcript,
      conversations,
      current: () => recipients.to,
      requests,
      rows: () => screen.rows,
      onGone: (room) => rooms.gone(room),
      onRead: () => read.unsafeOpen()
    })
    const rooms: RoomLines = new RoomLines({
      marks,
      people,
      transcript,
      conversations,
      requests,
      settleMillis: ServerLines.settleMillis,
      isInSight: (name) => recipients.to.includes(name),
      isGuest: () => reader.isOfGuest,
      showsJoins: () => composer.showsJoins,
      onJoin: (room) => navigation.enter(room),
      onAgain: (room) => reader.missed(room),
      onLeave: (room) => navigation.left(room),
      onPresence: () => presence.unsafeOpen(),
      now: () => time.now()
    })
    const choices = (): CompletionChoices => {
      const room = recipients.to.find(RoomReports.isRoom)
      const members = room === undefined ? [] : rooms.membersOf(room)
      if (!reader.isOn) return { names: people.names }
      return {
        names: people.namesWith(members),
        rooms: conversations.rooms,
        conversations: conversations.names,
        isInRoom: room !== undefined
      }
    }
    let hasLeft = false
    const leave = () => {
      if (hasLeft) Deferred.unsafeDone(hurried, Exit.void)
      hasLeft = true
      logins.unsafeDone(Exit.void)
      secrets.unsafeDone(Exit.void)
      passwords.unsafeDone(Exit.void)
      entered.unsafeDone(Exit.void)
    }
    const enter = (one: Entered) => {
      if (hasLeft) return
      if (prompt.asksLogin) {
        if (one._tag === "Line") logins.unsafeOffer(one.line)
        return
      }
      // Without a connection, the question was for the login's secret.
      if (one._tag === "Secret" && composer.phase._tag === "Away") {
        secrets.unsafeOffer(one.secret)
        return
      }
      const isLast = composer.enter(one)
      if (one._tag === "Line" && one.isNew) entered.unsafeOffer(one.line)
      if (isLast) leave()
    }
    const prompt: Prompt = new Prompt({
      history: new InputHistory(file.lines, HistoryFile.maxLines),
      choices,
      enter,
      hurry: () => signals.hurry.unsafeOpen(),
      doubts: (line) => composer.doubts(line),
      leave,
      isLeaving: () => hasLeft,
      cut: () => warn(`only the first ${maxPaste} characters of the paste were kept`),
      redraw: () => screen.clear(),
      suspend: () => screen.suspend(),
      go: (to) => navigation.go(to),
      earlier: () => composer.earlier()
    })
    const navigation: Navigation = new Navigation({
      marks,
      transcript,
      prompt,
      conversations,
      recipients,
      reader,
      rooms,
      requests,
      onMute: () => mutes.changed()
    })
    const composer: Composer = new Composer({
      marks,
      people,
      prompt,
      transcript,
      log,
      conversations,
      recipients,
      reader,
      navigation,
      requests,
      bell: options.bell,
      notify,
      canNotify: notifications.arePossible,
      now: () => time.now(),
      wake: () => signals.work.unsafeOpen(),
      onSettled: () => signals.settled.unsafeOpen(),
      onStored: () => stored.unsafeOpen()
    })
    let rangAt = -Infinity
    const serverLines = new ServerLines.ServerLines({
      marks,
      people,
      transcript,
      log,
      reader,
      rooms,
      requests,
      onMessage: (message, isMention) => {
        notifications.message(message, isMention, composer.notify)
        if (!TypedLine.isFor(composer.bell, isMention) || time.now() - rangAt < minRingMillis) return
        rangAt = time.now()
        screen.ring()
      },
      onReceipt: (receipt) => composer.received(receipt),
      onPresence: () => presence.unsafeOpen(),
      onPassword: (isTaken) => {
        const sent = composer.newPassword.replied()
        if (isTaken && sent !== undefined) passwords.unsafeOffer(sent)
      },
      showsJoins: () => composer.showsJoins,
      now: () => time.now()
    })

    yield* screen.open({
      onKey: (key) => {
        reader.acted()
        prompt.press(key)
        screen.changed()
      },
      onFocus: notifications.arePossible ? notifications.focus : undefined,
      onGone: leave,
      view: () => composer.view
    })
    yield* eachSecond(() => {
      if (composer.phase._tag === "Away") screen.changed()
    })
    if (file.problem !== undefined) warn(file.problem)
    const remember = (line: string) =>
      Effect.catchAll(file.append(line), (error) => Effect.sync(() => warn(error.message)))
    yield* afterOpening(presence, presenceDelay, () => {
      if (!serverLines.showSettledPresence()) presence.unsafeClose()
    })
    yield* afterOpening(stored, storedDelay, () => {
      if (!composer.showStored()) stored.unsafeClose()
      screen.changed()
    })
    yield* afterOpening(read, readDelay, () => {
      read.unsafeClose()
      reader.report()
    })
    yield* Effect.addFinalizer(() => mutes.save)
    yield* Effect.forkScoped(mutes.run)
    return {
      screen,
      prompt,
      composer,
      serverLines,
      people,
      conversations,
      reader,
      navigation,
      mutes,
      rooms,
      requests,
      transcript,
      marks,
      ...signals,
      remember
    }
  })

/** Runs a function repeatedly while the latch is open, each time after this delay, until the scope closes. */
const afterOpening = (latch: Effect.Latch, delay: Duration.Duration, run: () => void) =>
  latch.await.pipe(
    Effect.zipRight(Effect.sleep(delay)),
    Effect.zipRight(Effect.sync(run)),
    Effect.forever,
    Effect.forkScoped
  )

/** Uses Node's timer, because this only draws: a `TestClock` need not pass through each second. */
const eachSecond = (run: () => void) =>
  Effect.acquireRelease(
    Effect.sync(() => setInterval(run, 1000).unref()),
    (timer) => Effect.sync(() => clearInterval(timer))
  )

/** A history that cannot be read is reported once and not written. */
const openHistory = (path: string | undefined) => {
  const none = { lines: [], problem: undefined, append: () => Effect.void }
  return path === undefined
    ? Effect.succeed(none)
    : Effect.match(HistoryFile.read(path), {
        onFailure: (error) => ({ ...none, problem: error.message }),
        onSuccess: (lines) => ({ ...none, lines, append: (line: string) => HistoryFile.append(path, line) })
      })
}
