//! Messages that nobody takes.

use papyra::{Fact, Payload, Why};
use papyra_ractor::ractor::{Actor, ActorRef, MessagingErr};

use crate::scene::{Player, Scene, Start, Tell, count};

#[tokio::test]
async fn a_message_to_a_dead_actor_is_a_dead_letter_and_comes_back_in_ractors_error() {
    let scene = Scene::new().await;
    let (player, join) = scene.player("gone").await;
    player.stop(None);
    join.await.unwrap();
    assert!(matches!(player.cast(Tell::Fail), Err(MessagingErr::SendErr(Tell::Fail))));
    let facts = scene.facts().await;
    let letters = facts.iter().filter_map(|fact| if let Fact::DeadLetter(letter) = fact { Some(letter) } else { None });
    let [letter] = letters.collect::<Vec<_>>()[..] else { panic!("not one dead letter: {facts:?}") };
    assert_eq!(letter.target, "orders://gone".into());
    assert_eq!(letter.system_id, "orders");
    assert_eq!(letter.message_type, "observing::scene::Tell");
    assert_eq!(letter.why, Some(Why::Stopped));
    assert_eq!(letter.payload, Payload::null());
}

#[tokio::test]
async fn a_delivered_message_leaves_no_trace() {
    let scene = Scene::new().await;
    let (stranger, join) = Player::spawn(None, Player, Start::Well).await.unwrap();
    let observed = scene.observer.observed_ref(stranger);
    assert_eq!(count(&observed).await, 1);
    observed.cast(Tell::Fail).unwrap();
    join.await.unwrap();
    assert_eq!(scene.facts().await, []);
}

#[tokio::test]
async fn a_message_of_the_wrong_type_is_a_dead_letter_of_another_kind() {
    let scene = Scene::new().await;
    let (player, _) = scene.player("choosy").await;
    let mistaken: ActorRef<String> = player.get_cell().into();
    let sent = scene.observer.observed_ref(mistaken).send_message("hello".into());
    assert!(matches!(sent, Err(MessagingErr::InvalidActorType)));
    let facts = scene.facts().await;
    let Some(Fact::DeadLetter(letter)) = facts.iter().find(|fact| matches!(fact, Fact::DeadLetter(_))) else {
        panic!("no dead letter: {facts:?}")
    };
    assert_eq!(letter.why.as_ref().map(Why::as_str), Some("wrong_message_type"));
    player.kill();
}
