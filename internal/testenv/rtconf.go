package testenv

import (
	"os"
	"strconv"
	"strings"
)

// rtConf is RT's configuration (RT_Config(3)). The time zone is not UTC, since
// most servers' is not and RT reads the times in queries in it. A login, which
// each call of REST needs, takes a millisecond instead of a quarter of a second.
// What RT would write outside of its folder goes into it.
const rtConf = `Set($rtname, 'desk.test');
Set($Organization, 'desk.test');
Set($WebDomain, '127.0.0.1');
Set($WebPort, PORT);
Set($WebBaseURL, 'http://127.0.0.1:PORT');
Set($Timezone, 'Asia/Shanghai');
Set($DatabaseType, 'SQLite');
Set($DatabaseName, 'DIR/rt.db');
Set($CorrespondAddress, 'rt@desk.test');
Set($CommentAddress, 'rt-comment@desk.test');
Set($MailCommand, 'sendmailpipe');
Set($SendmailPath, 'DIR/sendmail');
Set($BcryptCost, 4);
Set($HTMLFormatter, 'core');
Set($LogToSTDERR, 'warning');
Set($LogToSyslog, undef);
Set($LogToFile, undef);
$RT::MasonDataDir = 'DIR/mason';
$RT::MasonSessionDir = 'DIR/session';
1;
`

// rtSeed is what the database holds besides RT's own: rt-setup-database(8).
const rtSeed = `@Queues = ({ Name => 'QUEUE', Description => 'What customers write' });
@Users = (
    { Name => 'USER', RealName => 'Deskbridge', Password => 'PASSWORD', Privileged => 1 },
    { Name => 'MODEST', RealName => 'Deskbridge', Password => 'PASSWORD', Privileged => 1 },
    { Name => 'ann', RealName => 'Ann Lee', EmailAddress => 'ann@desk.test', Password => 'PASSWORD', Privileged => 1 },
    { Name => 'bob', RealName => 'Bob Roy', EmailAddress => 'bob@desk.test', Password => 'PASSWORD', Privileged => 1 },
);
@Groups = ({ Name => 'Agents', Members => { Users => ['ann', 'bob'] } });
@ACL = (
    (map { my $user = $_; map { { UserId => $user, Queue => 'QUEUE', Right => $_ } }
        qw(SeeQueue CreateTicket ShowTicket ShowTicketComments ReplyToTicket CommentOnTicket ModifyTicket) } 'USER', 'MODEST'),
    { UserId => 'USER', Right => 'AdminUsers' },
    (map { { GroupDomain => 'SystemInternal', GroupType => 'Everyone', Queue => 'QUEUE', Right => $_ } } qw(CreateTicket ReplyToTicket)),
    (map { { GroupDomain => 'UserDefined', GroupId => 'Agents', Queue => 'QUEUE', Right => $_ } }
        qw(SeeQueue CreateTicket ShowTicket ShowTicketComments ReplyToTicket CommentOnTicket ModifyTicket OwnTicket DeleteTicket Watch WatchAsAdminCc)),
);
@Final = (sub {
    my $queue = RT::Queue->new(RT->SystemUser);
    $queue->Load('QUEUE');
    my ($ok, $msg) = $queue->AddWatcher(Type => 'AdminCc', Email => 'ann@desk.test');
    die "watcher: $msg" unless $ok;
    my $user = RT::User->new(RT->SystemUser);
    $user->Load('USER');
    my $token;
    ($ok, $msg, $token) = RT::AuthToken->new(RT->SystemUser)->Create(Owner => $user->Id, Description => 'Deskbridge');
    die "token: $msg" unless $ok;
    open(my $out, '>', 'TOKEN_FILE') or die $!;
    print $out $token;
    close($out) or die $!;
});
1;
`

func writeRTConfig(box *sandbox, port int) error {
	conf := strings.NewReplacer("DIR", box.dir, "PORT", strconv.Itoa(port)).Replace(rtConf)
	return os.WriteFile(box.file("site.pm"), []byte(conf), 0o644)
}

func rtEnv(box *sandbox) []string {
	return []string{"RT_SITE_CONFIG=" + box.file("site.pm"), "RT_SITE_CONFIG_DIR=" + box.file("conf.d"), "HOME=" + box.dir, "LC_ALL=C.UTF-8"}
}
