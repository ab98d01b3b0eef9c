/**
 * What crosses from Rust to the page and back. Mirrors `crates/chat/src/view.rs` and `intent.rs`.
 */

export type Timestamp = string;

export interface Failure {
    code: string;
    message: string;
}

export interface Person {
    id: string;
    name: string;
    username: string;
}

export type Kept = { state: "inKeyring" } | { state: "undecided"; failure: Failure } | { state: "thisRunOnly" };

export type Session =
    | { state: "signedOut"; server: string | null; username: string | null; failure: Failure | null }
    | { state: "signingIn"; server: string; username: string }
    | {
          state: "signedIn";
          me: Person;
          server: string;
          serverName: string | null;
          features: string[];
          messageBytes: number;
          kept: Kept;
      };

export type ConnectionState = "signedOut" | "connecting" | "connected" | "reconnecting" | "offline";

export interface Connection {
    state: ConnectionState;
    transport: "webSocket" | "polling" | null;
    retryAt: Timestamp | null;
    failure: Failure | null;
}

export type SendState =
    { state: "sending" } | { state: "failed"; failure: Failure } | { state: "sent" } | { state: "read" };

export interface Preview {
    senderName: string;
    own: boolean;
    text: string;
    state: SendState | null;
}

export type ChatKind = "direct" | "group";

export interface ChatRow {
    id: string;
    kind: ChatKind;
    name: string;
    unread: number;
    muted: boolean;
    at: Timestamp;
    preview: Preview | null;
    draft: string | null;
    typing: string[];
}

export interface OpenChat {
    id: string;
    kind: ChatKind;
    name: string;
    topic: string | null;
    members: Person[];
    draft: string;
    typing: string[];
    isLoading: boolean;
    failure: Failure | null;
    hasOlder: boolean;
    hasNewer: boolean;
    firstUnread: string | null;
}

export interface TimelineItem {
    key: string;
    id: string | null;
    sender: Person;
    own: boolean;
    text: string;
    at: Timestamp;
    state: SendState | null;
    audience: string[] | null;
    edited: boolean;
    deleted: boolean;
    system: string | null;
}

export interface PeopleSearch {
    query: string;
    people: Person[];
    isLoading: boolean;
    failure: Failure | null;
}

export interface Alert {
    id: number;
    failure: Failure;
}

export interface View {
    session: Session;
    connection: Connection;
    chats: ChatRow[];
    chatsLoading: boolean;
    unread: number;
    open: OpenChat | null;
    timeline: TimelineItem[];
    people: PeopleSearch | null;
    alerts: Alert[];
}

export type ListChange<T> = { op: "put"; key: string; before: string | null; item: T } | { op: "remove"; key: string };

export type Change =
    | { type: "session"; value: Session }
    | { type: "connection"; value: Connection }
    | { type: "chats"; value: ListChange<ChatRow>[] }
    | { type: "chatsLoading"; value: boolean }
    | { type: "unread"; value: number }
    | { type: "open"; value: OpenChat | null }
    | { type: "timeline"; value: ListChange<TimelineItem>[] }
    | { type: "people"; value: PeopleSearch | null }
    | { type: "alerts"; value: Alert[] };

/** An update as the shell sends it: the changes, or a hint that a snapshot is the shorter way. */
export type Update = { number: number; changes: Change[] } | { number: number; snapshot: true };

export interface Snapshot {
    number: number;
    view: View;
    /** The server that was named on the command line. */
    server?: string | null;
    /** What the page before this one gave back when its window went. */
    page?: Page | null;
}

/** Where somebody was reading. */
export interface Place {
    /** Of the first message in view. */
    key: string;
    /** Its distance from the top of the view, in pixels. */
    offset: number;
}

/** What a page hands on to the next one. */
export interface Page {
    chatId: string;
    /** `null` at the newest message. */
    place: Place | null;
}

export type Intent =
    | { type: "signIn"; server: string; username: string; password: string }
    | { type: "keepForThisRun" }
    | { type: "retryKeyring" }
    | { type: "signOut" }
    | { type: "openChat"; chatId: string }
    | { type: "closeChat" }
    | { type: "send"; chatId: string; text: string }
    | { type: "retry"; key: string }
    | { type: "deleteUnsent"; key: string }
    | { type: "loadOlder" }
    | { type: "loadNewer" }
    | { type: "jumpToNewest" }
    | { type: "seen"; chatId: string; key: string }
    | { type: "typing"; chatId: string; active: boolean }
    | { type: "saveDraft"; chatId: string; text: string }
    | { type: "startChat"; kind: ChatKind; name: string | null; memberIds: string[] }
    | { type: "findPeople"; query: string | null }
    | { type: "refresh" }
    | { type: "focus"; focused: boolean }
    | { type: "network"; online: boolean }
    | { type: "dismiss"; alertId: number };

export type Theme = "system" | "light" | "dark";

/** What a person chose for this machine. Kept by the shell, not by the page's storage. */
export interface Settings {
    theme?: Theme;
    /** A language that `locales/` has; absent means the system's. */
    language?: string;
    /** In percent. */
    textSize?: string;
    density?: "roomy" | "compact";
    /** Absent means yes. */
    closeToTray?: boolean;
    noticeText?: boolean;
    noticeSound?: boolean;
}

interface Tauri {
    core: { invoke(command: string, args?: object): Promise<unknown> };
    event: { listen(event: string, handler: (event: { payload: unknown }) => void): Promise<() => void> };
}

declare global {
    interface Window {
        __TAURI__?: Tauri;
    }
}
