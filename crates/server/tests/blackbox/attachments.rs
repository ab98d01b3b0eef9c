//! Files in messages and as people's pictures: where they are shown, and who can read them.

use image::ImageFormat;
use serde_json::{Value, json};

use crate::{
    client::{Team, code},
    files::{fetch, picture, status, upload, uploaded},
};

#[tokio::test]
async fn a_message_has_its_files_wherever_it_is_shown() {
    let team = Team::start().await;
    let ann = team.join("ann", "member").await;
    let ben = team.join("ben", "member").await;
    let chat = ann.group(&[&ben]).await;
    let since = ben.get("/sync").await.1["next"].as_str().unwrap().to_owned();
    let mut socket = ben.socket().await;
    let (_, first) = upload(&ann, "image/png", "one.png", picture(8, 6, ImageFormat::Png)).await;
    let (_, second) = upload(&ann, "text/plain", "two.txt", "two").await;
    let body = json!({"content": "look", "clientId": "c1", "attachmentIds": [second["id"], first["id"]]});
    let sent = ann.say(&chat, body.clone()).await;
    let files = json!([second, first]);
    assert_eq!(sent["attachments"], files);
    assert_eq!(
        socket.expect("new_message").await["message"]["attachments"],
        files
    );
    let list = ben.get(&format!("/chat/{chat}/messages")).await.1;
    assert_eq!(list["items"][0]["attachments"], files);
    assert_eq!(
        ben.get(&format!("/chat/{chat}")).await.1["lastMessage"]["attachments"],
        files
    );
    assert_eq!(
        ben.get("/search?q=look").await.1["items"][0]["attachments"],
        files
    );
    let missed = ben.get(&format!("/sync?since={since}")).await.1;
    assert_eq!(missed["events"][0]["data"]["message"]["attachments"], files);
    for file in [&first, &second] {
        let path = format!("/files/{}", file["id"].as_str().unwrap());
        assert_eq!(status(&ben, &path).await, 200);
    }

    // The same again is the same; with other files, or in another order, it is another message.
    let path = format!("/chat/{chat}/messages");
    let again = ann.post(&path, body).await;
    assert_eq!((again.0.as_u16(), &again.1["id"]), (200, &sent["id"]));
    for other in [
        json!([first["id"], second["id"]]),
        json!([first["id"]]),
        json!([]),
        Value::Null,
    ] {
        let body = json!({"content": "look", "clientId": "c1", "attachmentIds": other});
        assert_eq!(code(&ann.post(&path, body).await), (409, "conflict"));
    }
    // One file may be in several messages, and a message may have nothing but files.
    let bare = ann
        .say(&chat, json!({"content": "", "attachmentIds": [first["id"]]}))
        .await;
    let edited = ann
        .patch(
            &format!("{path}/{}", bare["id"].as_str().unwrap()),
            json!({"content": "now with words"}),
        )
        .await;
    assert_eq!(edited.1["attachments"], json!([first]));
    let wordless = ann
        .patch(
            &format!("{path}/{}", bare["id"].as_str().unwrap()),
            json!({"content": ""}),
        )
        .await;
    assert_eq!(wordless.1["content"], "");

    // What is not one's own, not there, or named twice is refused, all alike.
    let theirs = uploaded(&ben, "text/plain", "mine").await;
    let own = uploaded(&ann, "text/plain", "mine").await;
    for bad in [
        json!([theirs]),
        json!(["nothing"]),
        json!([own, own]),
        json!(["a/b"]),
        json!("x"),
    ] {
        let refused = ann
            .post(&path, json!({"content": "x", "attachmentIds": bad}))
            .await;
        assert_eq!(code(&refused), (422, "invalid_request"), "{bad}");
    }
    let many: Vec<&str> = std::iter::repeat_n(own.as_str(), 21).collect();
    let refused = ann
        .post(&path, json!({"content": "x", "attachmentIds": many}))
        .await;
    assert_eq!(code(&refused), (422, "invalid_request"));
}

#[tokio::test]
async fn a_file_is_for_those_who_see_a_message_with_it() {
    let team = Team::start().await;
    let ann = team.join("ann", "member").await;
    let ben = team.join("ben", "member").await;
    let eve = team.join("eve", "member").await;
    let root = team.join("root", "admin").await;
    let chat = ann.group(&[&ben, &root]).await;
    let id = uploaded(&ann, "image/png", picture(9, 9, ImageFormat::Png)).await;
    let paths = [format!("/files/{id}"), format!("/files/{id}/thumbnail")];
    let nowhere = ann.get("/files/nothing").await;
    // Not yet in a message: for the uploader alone. Nothing that is asked for tells others that it is there.
    for path in &paths {
        assert_eq!(status(&ann, path).await, 200);
        for other in [&ben, &eve, &root] {
            assert_eq!(other.get(path).await, nowhere);
            let with = fetch(other, path, &[("if-none-match", "*"), ("range", "bytes=99999-")]).await;
            assert_eq!(with.status(), 404);
            assert!(with.headers().get("etag").is_none());
        }
    }
    // In a message for Ben: for him, and not for the admin, who is in the chat.
    let secret = ann
        .say(
            &chat,
            json!({"content": "psst", "visibleTo": [ben.id], "attachmentIds": [id]}),
        )
        .await;
    for path in &paths {
        assert_eq!(status(&ben, path).await, 200);
        assert_eq!(root.get(path).await, nowhere);
        assert_eq!(eve.get(path).await, nowhere);
    }
    // In one for everyone as well.
    let open = ann
        .say(&chat, json!({"content": "all", "attachmentIds": [id]}))
        .await;
    assert_eq!(status(&root, &paths[0]).await, 200);
    assert_eq!(eve.get(&paths[0]).await, nowhere);
    // Deleted there, it is as before; deleted everywhere, it is the uploader's alone.
    let message = |message: &Value| format!("/chat/{chat}/messages/{}", message["id"].as_str().unwrap());
    assert_eq!(ann.delete(&message(&open)).await.0, 204);
    let tombstone = &ben.get(&format!("/chat/{chat}/messages")).await.1["items"][1];
    assert!(tombstone["attachments"].is_null(), "{tombstone}");
    assert_eq!(
        (status(&root, &paths[0]).await, status(&ben, &paths[0]).await),
        (404, 200)
    );
    assert_eq!(ann.delete(&message(&secret)).await.0, 204);
    for path in &paths {
        assert_eq!(ben.get(path).await, nowhere);
        assert_eq!(status(&ann, path).await, 200);
    }
    // Who leaves a chat leaves its files; who comes back finds them.
    ann.say(&chat, json!({"content": "again", "attachmentIds": [id]}))
        .await;
    assert_eq!(status(&ben, &paths[0]).await, 200);
    ann.delete(&format!("/chat/{chat}/members/{}", ben.id)).await;
    assert_eq!(ben.get(&paths[0]).await, nowhere);
    ann.put(&format!("/chat/{chat}/members/{}", ben.id), json!({}))
        .await;
    assert_eq!(status(&ben, &paths[0]).await, 200);
    // With a chat go its files, but for the uploader.
    assert_eq!(ann.delete(&format!("/chat/{chat}")).await.0, 204);
    assert_eq!(ben.get(&paths[0]).await, nowhere);
    assert_eq!(status(&ann, &paths[0]).await, 200);
}

#[tokio::test]
async fn somebodys_picture_is_for_those_who_see_them() {
    let team = Team::start().await;
    let ann = team.join("ann", "member").await;
    let ben = team.join("ben", "member").await;
    let guest = team.join("gus", "guest").await;
    let id = uploaded(&ann, "image/png", picture(9, 9, ImageFormat::Png)).await;
    let plain = uploaded(&ann, "text/plain", "no picture").await;
    let theirs = uploaded(&ben, "image/png", picture(9, 9, ImageFormat::Png)).await;
    for bad in [
        json!(plain),
        json!(theirs),
        json!("nothing"),
        json!("a/b"),
        json!(7),
    ] {
        let refused = ann.patch("/auth/me", json!({"avatarFileId": bad})).await;
        assert_eq!(code(&refused), (422, "invalid_request"), "{bad}");
    }
    let path = format!("/files/{id}");
    assert_eq!(status(&ben, &path).await, 404);
    let me = ann.patch("/auth/me", json!({"avatarFileId": id})).await;
    assert_eq!((me.0.as_u16(), &me.1["avatarFileId"]), (200, &json!(id)));
    // A change of something else leaves it as it is.
    ann.patch("/auth/me", json!({"name": "Ann"})).await;
    assert_eq!(
        ben.get("/users?query=ann").await.1["items"][0]["avatarFileId"],
        json!(id)
    );
    assert_eq!(status(&ben, &path).await, 200);
    assert_eq!(status(&ben, &format!("{path}/thumbnail")).await, 200);
    assert_eq!(status(&guest, &path).await, 404);
    ann.group(&[&guest]).await;
    assert_eq!(status(&guest, &path).await, 200);
    let me = ann.patch("/auth/me", json!({"avatarFileId": null})).await;
    assert!(me.1["avatarFileId"].is_null(), "{me:?}");
    assert_eq!(status(&ben, &path).await, 404);
    assert_eq!(status(&ann, &path).await, 200);
}
