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
    /** The id of a file. */
    avatar: string | null;
}

export interface Presence {
    status: "online" | "away" | "offline";
    lastSeen?: Timestamp;
}

/** A member of the open chat. */
export interface Member extends Person {
    /** On the server. */
    role: string;
    presence: Presence | null;
}

export type Kept = { state: "inKeyring" } | { state: "undecided"; failure: Failure } | { state: "thisRunOnly" };

export type Session =
    | { state: "locked"; failure: Failure; canRecover: boolean }
    | { state: "signedOut"; server: string | null; username: string | null; failure: Failure | null }
    | { state: "signingIn"; server: string; username: string }
    | {
          state: "signedIn";
          me: Person;
          server: string;
          serverName: string | null;
          features: string[];
          messageBytes: number;
          fileBytes: number | null;
          kept: Kept;
          mayStartChats: boolean;
      };

export type ConnectionState = "signedOut" | "connecting" | "connected" | "reconnecting" | "offline";

export interface Connection {
    state: ConnectionState;
    transport: "webSocket" | "polling" | null;
    retryAt: Timestamp | null;
    failure: Failure | null;
    /** How many events have been caught up with so far, while that goes on. */
    catchingUp: number | null;
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
    /** Whether an unread message names the person. */
    mentioned: boolean;
    muted: boolean;
    pinned: boolean;
    presence: Presence | null;
    avatar: string | null;
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
    members: Member[];
    muted: boolean;
    pinned: boolean;
    myRole: ChatRole | null;
    may: MayInChat;
    draft: string;
    typing: string[];
    isLoading: boolean;
    failure: Failure | null;
    hasOlder: boolean;
    hasNewer: boolean;
    firstUnread: string | null;
    /** Pinned messages, as far as they are on this computer, the newest first. */
    pins: { id: string; senderName: string; excerpt: string; at: Timestamp }[];
    /** An item to be brought into sight, once for each number. */
    jumpedTo: { key: string; number: number } | null;
}

/** A piece of a message on lines of its own. */
export type Block =
    | { kind: "paragraph"; inlines: Inline[] }
    | { kind: "heading"; level: number; inlines: Inline[] }
    | { kind: "code"; language: string | null; spans: Span[] }
    | { kind: "quote"; blocks: Block[] }
    | { kind: "list"; start: number | null; items: { done?: boolean; blocks: Block[] }[] }
    | { kind: "table"; align: ("start" | "center" | "end")[]; head: Inline[][]; rows: Inline[][][] }
    | { kind: "rule" };

/** A piece of running text. */
export type Inline =
    | { kind: "text"; text: string }
    | { kind: "strong" | "emphasis" | "strike"; inlines: Inline[] }
    | { kind: "code"; text: string }
    | { kind: "link"; target: string; host?: string; titled: boolean; inlines: Inline[] }
    | { kind: "mention"; text: string; username: string }
    | { kind: "break" };

/** A piece of code of one kind. */
export interface Span {
    highlight?: "comment" | "string" | "constant" | "keyword" | "type" | "function" | "added" | "removed";
    text: string;
}

export type ChatRole = "member" | "moderator" | "owner";

/** What the person may do in a chat; what the server does not have is false. */
export interface MayInChat {
    prefer: boolean;
    describe: boolean;
    addMembers: boolean;
    removeMembers: boolean;
    setRoles: boolean;
    leave: boolean;
    delete: boolean;
    restrict: boolean;
    attach: boolean;
}

/** What the person may do with a message; what the server does not have is false. */
export interface MayWithMessage {
    edit: boolean;
    delete: boolean;
    react: boolean;
    reply: boolean;
    pin: boolean;
}

export interface SystemEvent {
    /** `joined`, `left`, `renamed`, … */
    event: string;
    by: string | null;
    about: string | null;
}

/** The message that another one replies to. */
export interface Quote {
    /** For `jumpTo`; absent while the server has not got the message. */
    id: string | null;
    /** Absent where the message is not known here. */
    senderName: string | null;
    excerpt: string;
    deleted: boolean;
}

export interface Reaction {
    emoji: string;
    count: number;
    mine: boolean;
    /** Who, without oneself. */
    names: string[];
}

export interface Attachment {
    /** Absent while the server has not got it. */
    id: string | null;
    /** The copy on this computer, until the message has been sent. */
    staged: string | null;
    name: string;
    mimeType: string;
    size: number;
    width: number | null;
    height: number | null;
    blurhash: string | null;
    /** How much of it has been sent, in bytes, while it is being sent. */
    sent: number | null;
}

/** A file that was made ready to be sent. */
export interface StagedFile {
    id: string;
    name: string;
    mimeType: string;
    size: number;
}

export interface TimelineItem {
    key: string;
    id: string | null;
    sender: Person;
    own: boolean;
    /** As it was written: to edit, to copy. */
    text: string;
    /** As it is shown; empty where the message was deleted. */
    body: Block[];
    at: Timestamp;
    state: SendState | null;
    audience: string[] | null;
    editedAt: Timestamp | null;
    deleted: boolean;
    system: SystemEvent | null;
    replyTo: Quote | null;
    reactions: Reaction[];
    pinned: boolean;
    mentionsMe: boolean;
    attachments: Attachment[];
    /** Whether a change of it has not reached the server. */
    changing: boolean;
    /** An edit that the server would not take; `retry` and `deleteUnsent` take its key. */
    failedEdit: { key: string; text: string; failure: Failure } | null;
    may: MayWithMessage;
}

export interface PeopleSearch {
    query: string;
    people: Person[];
    isLoading: boolean;
    failure: Failure | null;
}

export interface Device {
    /** For `revokeSession`. */
    id: string;
    /** What the device calls itself. */
    client: string | null;
    since: Timestamp;
    lastSeenAt: Timestamp;
    isThis: boolean;
}

/** Where the person is signed in. */
export interface Devices {
    devices: Device[];
    isLoading: boolean;
    failure: Failure | null;
}

export interface Search {
    /** As it was typed. */
    query: string;
    /** The chat that is looked through; `null`: all of them. */
    chatId: string | null;
    isLoading: boolean;
    /** `searchMore` has something to do. */
    hasMore: boolean;
    /** Whether the server was asked as well as this computer. */
    isEverywhere: boolean;
    /** What is wrong with the query, or why the server could not be asked. */
    failure: Failure | null;
}

/** A message that was found. */
export interface SearchHit {
    key: string;
    /** With `id`, for `jumpTo`. */
    chatId: string;
    id: string;
    chatName: string;
    sender: Person;
    own: boolean;
    at: Timestamp;
    /** The text around what was looked for, in its order, on one line. */
    excerpt: { text: string; isHit: boolean }[];
    /** The names of its files. */
    files: string[];
    /** Whether some members only can see it. */
    restricted: boolean;
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
    /** Once it was asked for (`listSessions`). */
    devices: Devices | null;
    search: Search | null;
    /** What `search` has found, newest first. */
    found: SearchHit[];
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
    | { type: "devices"; value: Devices | null }
    | { type: "search"; value: Search | null }
    | { type: "found"; value: ListChange<SearchHit>[] }
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
    /** What is to go with the next message, by chat. */
    files: Record<string, StagedFile[]>;
}

export type Intent =
    | { type: "signIn"; server: string; username: string; password: string }
    | { type: "keepForThisRun" }
    | { type: "retryKeyring" }
    | { type: "signOut" }
    | { type: "unlockStore"; passphrase: string | null }
    | { type: "beginStoreAnew" }
    | { type: "setRecoveryPassphrase"; passphrase: string | null }
    | { type: "openChat"; chatId: string }
    | { type: "closeChat" }
    | {
          type: "send";
          chatId: string;
          text: string;
          /** The key of an item. */
          replyTo?: string | null;
          visibleTo?: string[];
          visibleToRoles?: string[];
          /** With files the text may be empty. */
          attachments?: StagedFile[];
      }
    | { type: "retry"; key: string }
    | { type: "deleteUnsent"; key: string }
    | { type: "edit"; key: string; text: string }
    | { type: "delete"; key: string }
    | { type: "react"; key: string; emoji: string; add: boolean }
    | { type: "pinMessage"; key: string; pinned: boolean }
    | { type: "jumpTo"; chatId: string; messageId: string }
    | { type: "muteChat"; chatId: string; muted: boolean }
    | { type: "pinChat"; chatId: string; pinned: boolean }
    | { type: "describeChat"; chatId: string; name?: string | null; topic?: string | null }
    | { type: "addMember"; chatId: string; userId: string }
    | { type: "removeMember"; chatId: string; userId: string }
    | { type: "setRole"; chatId: string; userId: string; role: ChatRole }
    | { type: "leaveChat"; chatId: string }
    | { type: "deleteChat"; chatId: string }
    | { type: "loadOlder" }
    | { type: "loadNewer" }
    | { type: "jumpToNewest" }
    | { type: "seen"; chatId: string; key: string }
    | { type: "typing"; chatId: string; active: boolean }
    | { type: "saveDraft"; chatId: string; text: string }
    | { type: "startChat"; kind: ChatKind; name: string | null; memberIds: string[] }
    | { type: "findPeople"; query: string | null }
    | { type: "listSessions" }
    | { type: "revokeSession"; sessionId: string }
    | { type: "changePassword"; current: string; new: string }
    | { type: "search"; query: string; chatId?: string | null }
    | { type: "searchMore" }
    | { type: "closeSearch" }
    | { type: "refresh" }
    | { type: "focus"; focused: boolean }
    | { type: "network"; online: boolean }
    | { type: "quiet"; doNotDisturb?: boolean; hours?: [number, number] | null; utcOffset?: number; butMentions?: boolean }
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
    /** Absent means no. */
    doNotDisturb?: boolean;
    quietButMentions?: boolean;
    /** Times of the day, as `22:30`; none where either is absent or empty. */
    quietFrom?: string;
    quietTo?: string;
}

interface Tauri {
    core: {
        invoke(command: string, args?: object, options?: { headers: Record<string, string> }): Promise<unknown>;
        convertFileSrc(path: string, scheme: string): string;
    };
    event: { listen(event: string, handler: (event: { payload: unknown }) => void): Promise<() => void> };
}

declare global {
    interface Window {
        __TAURI__?: Tauri;
    }
}
