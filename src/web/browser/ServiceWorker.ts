/**
 * The service worker: answers requests for the page's own files, and for nothing else, so that the page starts while
 * the server is away. Messages, `/history` and everything else of the server never pass through it.
 *
 * On phones it also shows the page's notifications, and is notified of a click.
 */

interface WorkerEvent extends Event {
  readonly waitUntil: (done: Promise<unknown>) => void
}

interface FetchEvent extends WorkerEvent {
  readonly request: Request
  readonly respondWith: (response: Promise<Response>) => void
}

interface NotificationEvent extends WorkerEvent {
  readonly notification: Notification
}

interface Tab {
  readonly postMessage: (message: unknown) => void
  readonly focus: () => Promise<unknown>
}

interface Worker extends EventTarget {
  readonly skipWaiting: () => Promise<void>
  readonly clients: {
    readonly claim: () => Promise<void>
    readonly matchAll: (options: { readonly type: "window" }) => Promise<ReadonlyArray<Tab>>
    readonly openWindow: (url: string) => Promise<unknown>
  }
  readonly caches: CacheStorage
  readonly location: Location
}

/** The addresses of the page's files; `/` is the page itself. The build defines them. */
declare const ACHAT_SHELL: ReadonlyArray<string>
/** Differs with their contents. */
declare const ACHAT_SHELL_VERSION: string

const worker = globalThis as unknown as Worker
/** Another program may have caches on the same origin. */
const prefix = "a-chat."
const cacheName = `${prefix}${ACHAT_SHELL_VERSION}`

/** How long the server may take before the kept page is shown, in milliseconds. */
const patienceMillis = 3_000

const install = async () => {
  const cache = await worker.caches.open(cacheName)
  await cache.addAll(ACHAT_SHELL)
  await worker.skipWaiting()
}

/** Forgets the files of other versions. */
const activate = async () => {
  const names = await worker.caches.keys()
  const old = names.filter((name) => name.startsWith(prefix) && name !== cacheName)
  await Promise.all(old.map((name) => worker.caches.delete(name)))
  await worker.clients.claim()
}

/** The page itself comes from the server if that answers, so that a new version is seen at once. */
const page = async (request: Request): Promise<Response> => {
  const kept = await worker.caches.match("/", { cacheName })
  try {
    const signal = kept === undefined ? null : AbortSignal.timeout(patienceMillis)
    const response = await fetch(request, { signal })
    return response.ok || kept === undefined ? response : kept
  } catch (error) {
    if (kept === undefined) throw error
    return kept
  }
}

/** The other files have their versions in their names, or hardly change. */
const asset = async (request: Request): Promise<Response> =>
  (await worker.caches.match(request, { cacheName })) ?? fetch(request)

worker.addEventListener("install", (event) => (event as WorkerEvent).waitUntil(install()))
worker.addEventListener("activate", (event) => (event as WorkerEvent).waitUntil(activate()))
worker.addEventListener("fetch", (event) => {
  const { request, respondWith } = event as FetchEvent
  const { origin, pathname } = new URL(request.url)
  if (request.method !== "GET" || origin !== worker.location.origin || !ACHAT_SHELL.includes(pathname)) return
  respondWith.call(event, pathname === "/" ? page(request) : asset(request))
})

/** Brings a tab of the page to the front. All are notified: the worker does not know which one is the user's. */
const clicked = async ({ data }: Notification) => {
  const tabs = await worker.clients.matchAll({ type: "window" })
  for (const tab of tabs) tab.postMessage(data)
  // Browsers refuse it without a click of a user, as in a test.
  await (tabs[0]?.focus() ?? worker.clients.openWindow("/")).catch(() => undefined)
}

worker.addEventListener("notificationclick", (event) => {
  const { notification, waitUntil } = event as NotificationEvent
  notification.close()
  waitUntil.call(event, clicked(notification))
})
