import { signal } from "@preact/signals-core"
import { Chat, type ChatOptions } from "./Chat.js"
import { reasonOf } from "./ChatState.js"
import { PageConnection, type ServerFacts } from "./PageConnection.js"
import * as LoginTexts from "./LoginTexts.js"
import { Identities, type PageUser } from "./PageUser.js"
import type { TextMemory, OpenLineSocket, Timers } from "./Ports.js"
import * as Sentence from "./Sentence.js"
import * as Typed from "./Typed.js"

/** What the page shows. */
export type Stage =
  | { readonly _tag: "Starting" }
  /** The form for the login; `why` the last attempt has failed. */
  | {
      readonly _tag: "Login"
      readonly name: string
      readonly why: string | undefined
      /** Whether a password has to be typed, rather than another name. */
      readonly needsPassword: boolean
      readonly isBusy: boolean
    }
  /** Another tab of this browser has the connection of this user. */
  | { readonly _tag: "Elsewhere"; readonly identity: PageUser }
  | { readonly _tag: "Chat"; readonly chat: Chat }

/** One tab at a time connects for a user. */
export interface Tabs {
  /** Becomes the tab of a user; false if another tab is. `lost` is called when another tab has taken over. */
  readonly claim: (name: string, lost: () => void) => Promise<boolean>
  /** The same, from the tab that has it. */
  readonly takeOver: (name: string, lost: () => void) => Promise<void>
  readonly release: () => void
}

export interface PageOptions extends Pick<ChatOptions, "isLooking" | "onNews" | "serverTime"> {
  readonly open: OpenLineSocket
  readonly timers: Timers
  readonly tab: TextMemory
  readonly browser: TextMemory
  readonly tabs: Tabs
}

export interface LoginForm {
  readonly name: string
  /** Empty for a guest. */
  readonly password: string
  /** Makes an account of the name. */
  readonly isNew: boolean
}

/** Refusals of a login after which the name may stay. */
const aboutPassword: ReadonlySet<string> = new Set(["password-required", "wrong-password", "account-required"])

/** Who uses the page, and how they log in. */
export class Page {
  readonly stage = signal<Stage>({ _tag: "Starting" })
  /** What the server says before the login: who can have an account. Undefined while it is not reached. */
  readonly server = signal<ServerFacts | undefined>(undefined)
  private readonly identities: Identities
  /** What connects in this tab, also before it is shown. */
  private chat: Chat | undefined = undefined

  constructor(private readonly options: PageOptions) {
    this.identities = new Identities(options.tab, options.browser)
  }

  async start(): Promise<void> {
    const { current, known } = this.identities
    if (current === undefined) return this.showLoginOf(known)
    if (await this.options.tabs.claim(current.name, () => this.lost(current))) this.enter(current)
    else this.stage.value = { _tag: "Elsewhere", identity: current }
  }

  /** Connects in this tab rather than in the other one. */
  async continueHere(identity: PageUser): Promise<void> {
    if (this.identities.withToken(identity) === undefined) return this.showLoginOf(identity)
    await this.options.tabs.takeOver(identity.name, () => this.lost(identity))
    this.enter(identity)
  }

  showLogin(name: string, needsPassword = false): void {
    this.stage.value = { _tag: "Login", name, why: undefined, needsPassword, isBusy: false }
    const { open, timers } = this.options
    // Asks who can log in here, and leaves again.
    void new PageConnection(open, undefined, timers, {
      greeted: (facts) => (this.server.value = facts),
      up: () => {},
      line: () => {},
      ended: () => {}
    })
  }

  async logIn({ isNew, name: typed, password }: LoginForm): Promise<void> {
    const name = Typed.userName(typed)
    if (name === undefined) {
      const why = "A name has up to 32 letters, digits, “_”, “-” or “.”, and starts with a letter, a digit or “_”."
      this.stage.value = { _tag: "Login", name: typed, why, needsPassword: false, isBusy: false }
      return
    }
    this.stage.value = { _tag: "Login", name, why: undefined, needsPassword: false, isBusy: true }
    this.forgetIfLoggedOut(this.identities.known)
    const identity = { name, logouts: this.identities.logouts(name) }
    const lost = () => this.lost(identity)
    const isClaimed = await this.options.tabs.claim(name, lost)
    if (!isClaimed) await this.options.tabs.takeOver(name, lost)
    if (password === "")
      return this.watch(
        this.chatFor({ name }, () => this.identities.use({ name })),
        { name, isNew: false }
      )
    const device = `web-${this.randomName()}`
    const login = isNew ? { name } : { name, device, secret: password }
    const chat = this.chatFor(login, () => void this.exchange(chat, { device, isNew, name, password }))
    this.watch(chat, { name, isNew })
  }

  /** Makes an account of the guest's name. */
  async register(chat: Chat, password: string): Promise<void> {
    await chat.ask(`register ${password}`)
    const device = `web-${this.randomName()}`
    chat.useLogin({ name: chat.me, device, secret: await this.tokenFor(chat, device) })
  }

  /**
   * Changes the password of the account. The server allows it only to a client that has logged in with the password,
   * which the browser does not keep. So the page logs in with it for a moment. Fails if the old password is wrong.
   */
  async changePassword(chat: Chat, old: string, password: string): Promise<void> {
    const { device, name, token } = this.identities.current ?? { name: chat.me }
    const usual = { name, device, secret: token }
    try {
      chat.useLogin({ name, device, secret: old })
      await chat.loggedIn()
      await chat.ask(`password ${password}`)
      chat.keepLogin(usual)
    } catch (error) {
      chat.useLogin(usual)
      throw error
    }
  }

  /** Leaves, and forgets what the browser has kept of the user. Nothing else removes what is not delivered yet. */
  logOut(chat: Chat): void {
    const { device, me } = chat
    const forgotten = chat.logOut()
    this.identities.logOut({ name: me })
    this.options.tabs.release()
    this.showLogin("")
    forgotten.catch(() => {
      const stage = this.stage.peek()
      if (stage._tag !== "Login" || stage.isBusy || stage.why !== undefined) return
      const why =
        `You are logged out, but the server has not confirmed that it has forgotten this browser, the device ` +
        `${device}. ` +
        `To make sure, log in with your password and write “/forget ${device}”.`
      this.stage.value = { ...stage, why }
    })
  }

  /** Shows the form again for a user whose connection has stopped. */
  logInAgain(chat: Chat): void {
    chat.stop("", "logged-out")
    this.identities.forget({ name: chat.me })
    this.options.tabs.release()
    this.showLogin(chat.me, chat.isOfAccount)
  }

  /** Shows the form for a user. */
  private showLoginOf(identity: PageUser | undefined) {
    this.forgetIfLoggedOut(identity)
    this.showLogin(identity?.name ?? "", identity?.device !== undefined)
  }

  /** If another tab has logged out, this one forgets what it has kept of the user, too. */
  private forgetIfLoggedOut(identity: PageUser | undefined) {
    if (identity === undefined || !this.identities.hasLoggedOut(identity)) return
    // Not what all tabs share: the other tab has removed that, and may have logged in again.
    this.chatFor({ name: identity.name }, () => {}).forgetTab()
    this.identities.forgetTab()
  }

  private randomName() {
    return Math.floor(this.options.timers.random() * 36 ** 4)
      .toString(36)
      .padStart(4, "0")
  }

  private enter(identity: PageUser) {
    // Another tab may have logged out while this one waited for its turn.
    const current = this.identities.withToken(identity)
    if (current === undefined) {
      this.options.tabs.release()
      return this.showLoginOf(identity)
    }
    const { device, name, token } = current
    // The server may not have noticed yet that the page was loaded again: a name in use is tried again.
    const chat = this.chatFor({ name, device, secret: token }, () => this.identities.use(current), true)
    this.stage.value = { _tag: "Chat", chat }
    this.connect(chat)
  }

  private connect(chat: Chat) {
    this.chat?.stop("", "replaced")
    this.chat = chat
    chat.start()
  }

  private chatFor(login: ChatOptions["login"], onFirstUp: () => void, wasUp = false): Chat {
    const { browser, isLooking, onNews, open, serverTime, tab, timers } = this.options
    const { device, name } = login
    const identity = { name, device, logouts: this.identities.logouts(name) }
    const hasLoggedOut = () => this.identities.hasLoggedOut(identity)
    const onLoggedOut = () => {
      this.options.tabs.release()
      this.showLoginOf(identity)
    }
    let isFirst = true
    const onUp = () => {
      if (isFirst) onFirstUp()
      isFirst = false
    }
    return new Chat({
      open,
      timers,
      memory: memoryUntil(hasLoggedOut, browser),
      tab: memoryUntil(hasLoggedOut, tab),
      login,
      wasUp,
      isLooking,
      onNews,
      serverTime,
      onUp,
      hasLoggedOut,
      onLoggedOut
    })
  }

  /** Shows the chat once the first login is accepted, and the form again if it is refused. */
  private watch(chat: Chat, { isNew, name }: Omit<LoginForm, "password">) {
    let isDecided = false
    const stop = chat.link.subscribe((link) => {
      if (isDecided || link._tag === "Connecting") return
      isDecided = true
      // Not at once: an effect must not change what it depends on.
      queueMicrotask(() => {
        stop()
        // Another tab has taken over, or has logged out.
        if (chat.isOver()) return
        if (!("why" in link)) this.stage.value = { _tag: "Chat", chat }
        else {
          const code = link._tag === "Stopped" ? link.code : undefined
          const canRegister = this.server.peek()?.accounts === "open"
          const why = LoginTexts.whyNot({ code, text: link.why, isNew, canRegister })
          this.refused(chat, name, why, code !== undefined && aboutPassword.has(code))
        }
      })
    })
    this.connect(chat)
  }

  /** Shows the form again, and why. */
  private refused(chat: Chat, name: string, why: string, needsPassword: boolean) {
    if (chat.isOver()) return
    chat.stop("", "refused")
    this.options.tabs.release()
    this.stage.value = { _tag: "Login", name, why, needsPassword, isBusy: false }
  }

  /** Exchanges the password for a token of this device: a browser keeps no password. */
  private async exchange(chat: Chat, form: LoginForm & { readonly device: string }) {
    const { device, isNew, name, password } = form
    try {
      if (isNew) await chat.ask(`register ${password}`)
      const token = await this.tokenFor(chat, device)
      if (isNew) chat.useLogin({ name, device, secret: token })
      else chat.keepLogin({ name, device, secret: token })
    } catch (error) {
      if (isNew) this.refused(chat, name, Sentence.of(reasonOf(error)), true)
      else chat.trouble.value = `This browser will ask for the password again: ${reasonOf(error)}`
    }
  }

  private async tokenFor(chat: Chat, device: string): Promise<string> {
    const [reply] = await chat.ask(`token ${device}`)
    const token = reply?._tag === "Notice" && reply.code === "token" ? reply.words[1] : undefined
    if (token === undefined) throw new Error("the server has sent no token")
    if (chat.isOver()) throw new Error("the user has logged out")
    this.identities.use({ name: chat.me, device, token })
    return token
  }

  private lost(identity: PageUser) {
    this.chat?.stop("", "elsewhere")
    const { current } = this.identities
    this.stage.value = { _tag: "Elsewhere", identity: current?.name === identity.name ? current : identity }
  }
}

/** The same memory until the user has logged out: what a chat still has of them then is not written any more. */
const memoryUntil = (hasLoggedOut: () => boolean, memory: TextMemory): TextMemory => ({
  read: memory.read,
  write: (key, text) => {
    if (!hasLoggedOut()) memory.write(key, text)
  }
})
